package cleave.tensor;

/// Which of a processor's instructions a process may compute with. It is chosen once, before
/// libtorch is loaded, because libtorch, OpenBLAS and oneDNN choose their kernels while they load
/// and keep them.
public enum Arithmetic {
    /// Everything that the processor has. Sums are added in an order that depends on the width of
    /// its vectors, so another kind of processor gives other last digits.
    FAST,
    /// What every x86-64 processor with AVX2 and FMA has, whatever else this one can do: vectors of
    /// 256 bits and the kernels made for them. One seed then gives the same bytes on all of them.
    PORTABLE
}
