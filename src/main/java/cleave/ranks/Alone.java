package cleave.ranks;

import cleave.tensor.Tensor;

/// One rank, which exchanges nothing.
final class Alone implements Exchange {
    @Override
    public int rank() {
        return 0;
    }

    @Override
    public int size() {
        return 1;
    }

    @Override
    public int here() {
        return 1;
    }

    @Override
    public void sumInPlace(Tensor tensor) {}

    @Override
    public Begun beginSum(Tensor tensor) {
        return () -> {};
    }

    @Override
    public double[] sum(double... numbers) {
        return numbers;
    }

    @Override
    public double[] max(double... numbers) {
        return numbers;
    }

    @Override
    public double[][] gather(double... numbers) {
        return new double[][] {numbers};
    }

    @Override
    public boolean any(boolean here) {
        return here;
    }

    @Override
    public void barrier() {}

    @Override
    public long bytes() {
        return 0;
    }

    @Override
    public void failed(String reason) {}

    @Override
    public void close() {}
}
