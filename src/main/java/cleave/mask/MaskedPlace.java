package cleave.mask;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Batch;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import org.jspecify.annotations.Nullable;

/// One site in one pass: what a masking can look at and draw.
public final class MaskedPlace {
    private final int index;
    private final DecomposedSite site;
    private final Batch batch;
    private final Type type;
    private final @Nullable Tensor lower;
    private final WeightDelta weightDelta;
    private final boolean hasRemainder;
    private final @Nullable MaskDraws draws;

    /// A site in a pass, for those who make passes.
    ///
    /// @param index the site's place among the decomposed sites
    /// @param lower the site's lower importances g `[B, T, C]`; null in passes that have none
    /// @param weightDelta how much of the weight delta stays
    /// @param draws of this pass; null in passes that draw nothing
    public MaskedPlace(
            int index,
            Decomposition decomposition,
            Batch batch,
            @Nullable Tensor lower,
            WeightDelta weightDelta,
            @Nullable MaskDraws draws) {
        this.index = index;
        this.site = decomposition.sites().get(index);
        this.batch = batch;
        this.type = decomposition.target().type();
        this.lower = lower;
        this.weightDelta = weightDelta;
        this.hasRemainder = decomposition.remainder(site.site()) != null;
        this.draws = draws;
    }

    /// The site's place among the decomposed sites.
    public int index() {
        return index;
    }

    /// The site.
    public DecomposedSite site() {
        return site;
    }

    /// The batch.
    public Batch batch() {
        return batch;
    }

    /// The type of masks.
    public Type type() {
        return type;
    }

    /// The lower importances g `[B, T, C]`, a leaf of the graph in training.
    ///
    /// @throws IllegalStateException in passes that have no importances
    public Tensor importances() {
        if (lower == null) {
            throw new IllegalStateException("a masking that reads importances must be given some");
        }
        return lower;
    }

    /// Whether a share of the weight delta stays where a masking says so, and only there.
    public boolean keepsDeltaInPart() {
        return weightDelta == WeightDelta.STOCHASTIC;
    }

    /// Whether some of the site's subcomponents were merged into a remainder.
    public boolean hasRemainder() {
        return hasRemainder;
    }

    /// The draws of this pass, for maskings that draw something else than is here.
    ///
    /// @throws IllegalStateException in passes that draw nothing
    public MaskDraws draws() {
        if (draws == null) {
            throw new IllegalStateException("a masking that draws must be given draws");
        }
        return draws;
    }

    /// Uniform sources r of the masks.
    public MaskForm.Sources sources() {
        MaskDraws own = draws();
        return new MaskForm.Sources() {
            @Override
            public void row(int sequence, float[] into) {
                own.sources(batch, sequence, site, into, 0);
            }

            @Override
            public Tensor tensor() {
                return own.sources(batch, site, type);
            }
        };
    }

    /// Uniform shares of the weight delta `[B, T]`.
    public Tensor deltas() {
        return draws().deltas(batch, site.name(), type);
    }

    /// Uniform shares of the remainder `[B, T]`.
    public Tensor remainders() {
        return draws().remainders(batch, site.name(), type);
    }

    /// One number for every subcomponent and position, `[B, T, C]`.
    public Tensor all(double number) {
        return expanded(Tensors.ones(type, 1, 1, 1).mul(number));
    }

    /// Ones `[B, T]`.
    public Tensor everywhere() {
        return Tensors.ones(type, 1, 1).expand(batch.rows(), batch.length());
    }

    /// One number `[1]` at every position, `[B, T]`.
    public Tensor atEveryPosition(Tensor number) {
        return number.expand(batch.rows(), batch.length());
    }

    /// Masks repeated to `[B, T, C]`.
    public Tensor expanded(Tensor mask) {
        return mask.expand(batch.rows(), batch.length(), site.count());
    }
}
