package cleave.study.induction;

import cleave.analysis.Census;
import cleave.analysis.Evaluation;
import cleave.analysis.MatchedDraw;
import cleave.analysis.Sample;
import cleave.analysis.SubcomponentId;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Task;
import cleave.study.induction.CircuitRuns.Condition;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.IntStream;

/// The causal check of the two-step induction circuit (DST; spec A5, A6): in layer 0 m attends to
/// s1, in layer 1 s2 attends to m and copies it.
///
/// @param threshold above which a subcomponent was active in the census
/// @param floor of the frequency from which it counts as used
/// @param sample what the figures were measured on
/// @param sampleToS1 in how many sequences s1 + k lies before s2, by k
/// @param target the target itself
/// @param allOn every subcomponent on, the merged ones too, no weight delta
/// @param onlyActive the used subcomponents on at every position, all others off, no weight delta
/// @param matrices each matrix's used subcomponents suppressed
/// @param steps each step's used subcomponents suppressed
/// @param verdict what follows
public record Circuit(
        double threshold,
        double floor,
        Sample sample,
        List<Long> sampleToS1,
        CircuitFigures target,
        CircuitFigures allOn,
        CircuitFigures onlyActive,
        List<SuppressedGroup> matrices,
        List<SuppressedGroup> steps,
        CircuitVerdict verdict) {

    /// How many sets of inactive subcomponents stand beside each set of active ones.
    public static final int DRAWS = 3;

    /// Checks the circuit of the subcomponents that a census found in use.
    ///
    /// @param sequences how many of the evaluation stream
    /// @param sliceRows sequences at a time; bounds memory
    /// @throws UserError when the task or the decomposition is not the induction toy's
    public static Circuit of(
            Decomposition decomposition, Task task, Census census, int sequences, int sliceRows) {
        requireInduction(decomposition, task);
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Suppressions plan = new Suppressions(decomposition, census);
                    CircuitRuns runs =
                            new CircuitRuns(
                                    decomposition,
                                    task,
                                    new Evaluation(
                                            decomposition.target(), task, sequences, sliceRows),
                                    plan.conditions());
                    return plan.circuit(runs);
                }));
    }

    /// Whether the check is about this task and decomposition: an induction task, with a decomposed
    /// site for each step.
    public static boolean applies(Decomposition decomposition, Task task) {
        List<String> sites = decomposition.sites().stream().map(DecomposedSite::name).toList();
        return decomposition.target().patternsOfBlock() == 1
                && task.marks().containsAll(List.of("s1", "m", "s2"))
                && Arrays.stream(CircuitStep.values())
                        .allMatch(step -> step.sites().stream().anyMatch(sites::contains));
    }

    private static void requireInduction(Decomposition decomposition, Task task) {
        if (decomposition.target().patternsOfBlock() > 1) {
            throw new UserError(
                    "circuit check must have a target with one attention pattern for each layer, got one with a pattern for each head");
        }
        if (!task.marks().containsAll(List.of("s1", "m", "s2"))) {
            throw new UserError(
                    "circuit check must have a task with the marks s1, m and s2, got %s"
                            .formatted(task.marks()));
        }
        List<String> sites = decomposition.sites().stream().map(DecomposedSite::name).toList();
        for (CircuitStep step : CircuitStep.values()) {
            if (step.sites().stream().noneMatch(sites::contains)) {
                throw new UserError(
                        "circuit check must have a decomposed site among %s for %s, got %s"
                                .formatted(step.sites(), step.title(), sites));
            }
        }
    }

    /// What is suppressed with what beside it, decided before anything runs.
    private static final class Suppressions {
        private final Decomposition decomposition;
        private final Census census;
        private final List<SubcomponentId> active;
        private final SequencedMap<String, double[]> norms = new LinkedHashMap<>();

        Suppressions(Decomposition decomposition, Census census) {
            this.decomposition = decomposition;
            this.census = census;
            active = census.used(Census.FLOOR);
            decomposition
                    .sites()
                    .forEach(site ->
                            norms.put(
                                    site.name(),
                                    Tensors.toDoubles(decomposition.subcomponents(site).norms())));
        }

        private List<List<String>> groups() {
            List<List<String>> groups = new ArrayList<>();
            norms.keySet().forEach(site -> groups.add(List.of(site)));
            for (CircuitStep step : CircuitStep.values()) {
                groups.add(present(step));
            }
            return groups;
        }

        private List<String> present(CircuitStep step) {
            return step.sites().stream().filter(norms::containsKey).toList();
        }

        Set<Condition> conditions() {
            Set<Condition> conditions = new HashSet<>();
            conditions.add(new Condition.All());
            conditions.add(Condition.only(active));
            for (List<String> sites : groups()) {
                conditions.add(Condition.without(active(sites)));
                conditions.add(Condition.withoutOthers(sites, active(sites)));
                IntStream.range(0, DRAWS)
                        .forEach(draw -> conditions.add(Condition.without(matched(sites, draw))));
            }
            return conditions;
        }

        Circuit circuit(CircuitRuns runs) {
            List<SuppressedGroup> matrices =
                    norms.keySet().stream().map(site -> group(site, List.of(site), runs)).toList();
            List<SuppressedGroup> steps = new ArrayList<>();
            for (CircuitStep step : CircuitStep.values()) {
                steps.add(group(step.title(), present(step), runs));
            }
            CircuitFigures target = runs.target();
            CircuitFigures onlyActive = runs.figures(Condition.only(active));
            return new Circuit(
                    census.threshold(),
                    Census.FLOOR,
                    runs.sample(),
                    runs.sampleToS1(),
                    target,
                    runs.figures(new Condition.All()),
                    onlyActive,
                    matrices,
                    List.copyOf(steps),
                    CircuitVerdict.of(target, onlyActive, matrices, steps));
        }

        private SuppressedGroup group(String name, List<String> sites, CircuitRuns runs) {
            List<SubcomponentId> off = active(sites);
            List<SuppressedGroup.Control> controls =
                    IntStream.range(0, off.isEmpty() ? 0 : DRAWS)
                            .mapToObj(draw -> {
                                List<SubcomponentId> matched = matched(sites, draw);
                                return new SuppressedGroup.Control(
                                        draw,
                                        matched,
                                        norm(off) / norm(matched),
                                        runs.figures(Condition.without(matched)));
                            })
                            .toList();
            return new SuppressedGroup(
                    name,
                    sites,
                    off,
                    runs.figures(Condition.without(off)),
                    controls,
                    off.isEmpty() ? null : others(sites, off, runs));
        }

        private SuppressedGroup.Others others(
                List<String> sites, List<SubcomponentId> off, CircuitRuns runs) {
            int all = sites.stream().mapToInt(site -> decomposition.site(site).original()).sum();
            return new SuppressedGroup.Others(
                    all - off.size(), runs.figures(Condition.withoutOthers(sites, off)));
        }

        private List<SubcomponentId> all() {
            return decomposition.sites().stream()
                    .flatMap(site ->
                            IntStream.range(0, site.count())
                                    .mapToObj(c -> new SubcomponentId(site.name(), c)))
                    .toList();
        }

        private List<SubcomponentId> active(List<String> sites) {
            return active.stream().filter(id -> sites.contains(id.site())).toList();
        }

        /// Inactive means: never above the threshold in the whole census, not only below the floor.
        private List<SubcomponentId> matched(List<String> sites, int draw) {
            List<SubcomponentId> seen = census.used(0);
            List<SubcomponentId> matched = new ArrayList<>();
            for (String site : sites) {
                List<Integer> inactive =
                        all().stream()
                                .filter(id -> id.site().equals(site) && !seen.contains(id))
                                .map(SubcomponentId::index)
                                .toList();
                Draws.Key key =
                        Draws.key(0, Draws.Purpose.EVALUATION)
                                .with("matched suppression")
                                .with(draw)
                                .with(site);
                MatchedDraw.pick(norms(site), indices(site), inactive, key)
                        .forEach(c -> matched.add(new SubcomponentId(site, c)));
            }
            return List.copyOf(matched);
        }

        private List<Integer> indices(String site) {
            return active(List.of(site)).stream().map(SubcomponentId::index).toList();
        }

        private double norm(Collection<SubcomponentId> ids) {
            return ids.stream().mapToDouble(id -> norms(id.site())[id.index()]).sum();
        }

        private double[] norms(String site) {
            return norms.getOrDefault(site, new double[0]);
        }
    }
}
