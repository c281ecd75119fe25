package cleave.tensor;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/// Checks tensor shapes against axis names: the same name must have the same size everywhere.
///
/// `Shapes.check("masked site").tensor("x", x, "B T d_in").tensor("V", V, "d_in C")`; a number in
/// place of a name is an exact size.
public final class Shapes {
    private final String where;
    private final Map<String, Long> sizes = new TreeMap<>();

    private Shapes(String where) {
        this.where = where;
    }

    /// Starts a check; `where` begins the message.
    public static Shapes check(String where) {
        return new Shapes(where);
    }

    /// Fixes the size of a named axis beforehand.
    public Shapes axis(String name, long size) {
        sizes.put(name, size);
        return this;
    }

    /// Checks one tensor; `axes` are names or numbers separated by blanks.
    ///
    /// @throws IllegalArgumentException naming the tensor, its shape and what each axis is bound to
    public Shapes tensor(String name, Tensor tensor, String axes) {
        String[] names = axes.split(" ", -1);
        if (tensor.ndimension() != names.length) {
            throw mismatch(name, tensor, axes);
        }
        for (int i = 0; i < names.length; i++) {
            long size = tensor.size(i);
            boolean number = Character.isDigit(names[i].charAt(0));
            long expected =
                    number ? Long.parseLong(names[i]) : sizes.computeIfAbsent(names[i], _ -> size);
            if (expected != size) {
                throw mismatch(name, tensor, axes);
            }
        }
        return this;
    }

    private IllegalArgumentException mismatch(String name, Tensor tensor, String axes) {
        return new IllegalArgumentException(
                "%s: %s must have shape [%s], got %s%s"
                        .formatted(
                                where,
                                name,
                                axes.replace(" ", ", "),
                                Arrays.toString(tensor.shape()),
                                sizes.isEmpty() ? "" : " with " + sizes));
    }
}
