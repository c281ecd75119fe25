package cleave.run;

import cleave.config.Binder;
import cleave.config.UserError;
import cleave.config.YamlTree;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.engine.Engines;
import cleave.hub.Hub;
import cleave.hub.Model;
import cleave.hub.WeightFiles;
import cleave.importance.ImportanceFunction;
import cleave.importance.Mlp;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.model.Site;
import cleave.tensor.AtomicFile;
import cleave.tensor.Device;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A decomposition as goodfire's library keeps it: the state of its `ComponentModel`, written as
/// safetensors.
///
/// `_components.SITE.V` is `[d_in, C]` and `_components.SITE.U` is `[C, d_out]`, as here; in SITE
/// the dots of the module's name are hyphens. The MLPs of the importance functions are under
/// `_ci_fns.SITE.layers.0` and `.2`, each with a matrix `W` and a bias `b`: `[C, in, out]` and `[C,
/// out]` where each subcomponent has its own, `[in, out]` and `[out]` where all share one. Whatever
/// stands before `_components` and `_ci_fns`, and all other tensors, are passed over.
public final class GoodfireFile {
    private static final Pattern COMPONENT =
            Pattern.compile("(?:.*\\.)?_components\\.([^.]+)\\.([UV])");
    private static final Pattern LAYER =
            Pattern.compile("(?:.*\\.)?_ci_fns\\.([^.]+)\\.layers\\.(\\d+)\\.([Wb])");
    private static final String IN = "0";
    private static final String OUT = "2";

    private GoodfireFile() {}

    /// What was read.
    ///
    /// @param sites how many there are
    /// @param subcomponents of all sites
    /// @param importance the kind of importance function
    /// @param missing what U and V lack of the weights: the mean over sites of `||W - VU||^2 /
    ///   ||W||^2`
    public record Imported(int sites, int subcomponents, String importance, double missing) {}

    /// Writes the living subcomponents of a run and its importance functions. What was merged is
    /// part of their weight delta.
    ///
    /// @return the size of the file in bytes
    /// @throws UserError when the importance function is of a kind that goodfire's library has not
    public static long write(LoadedRun run, Path file) throws IOException {
        ImportanceFunction function = run.decomposition().function();
        if (!(function instanceof Mlp
                || function instanceof VectorMlp
                || function instanceof SharedMlp)) {
            throw new UserError(
                    "importance function of an export for goodfire's library must be mlp, vector_mlp or shared_mlp, got %s"
                            .formatted(run.file().importance().getClass().getSimpleName()));
        }
        Scopes.run(() -> {
            SortedMap<String, Tensor> saved = run.livingTensors();
            SortedMap<String, Tensor> theirs = new TreeMap<>();
            for (DecomposedSite site : run.decomposition().sites()) {
                if (site.site().tiedTo().isPresent()) {
                    throw new UserError(
                            "sites of an export for goodfire's library must not be tied, got "
                                    + site.name());
                }
                String name = module(site.site()).replace('.', '-');
                for (String side : List.of("U", "V")) {
                    theirs.put(
                            "_components.%s.%s".formatted(name, side),
                            saved.get(site.name() + "." + side));
                }
                Map<String, Tensor> gate = new HashMap<>();
                String prefix = site.name() + ".gate.";
                saved.tailMap(prefix).entrySet().stream()
                        .takeWhile(entry -> entry.getKey().startsWith(prefix))
                        .forEach(entry ->
                                gate.put(
                                        entry.getKey().substring(prefix.length()),
                                        entry.getValue()));
                layers(function, gate)
                        .forEach((layer, tensor) ->
                                theirs.put("_ci_fns.%s.layers.%s".formatted(name, layer), tensor));
            }
            try {
                Safetensors.write(file, theirs, Map.of("format", "pt"));
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        return Files.size(file);
    }

    /// The name of a site's module in the file of its weights; a part of a matrix has none, and
    /// goes by its own.
    private static String module(Site site) {
        String module = site.stored().tensor().replaceFirst("\\.weight$", "");
        return site.isCalled(module) ? module : site.name();
    }

    /// An importance function's MLP as its layers' tensors.
    private static Map<String, Tensor> layers(
            ImportanceFunction function, Map<String, Tensor> gate) {
        Tensor hidden = named(gate, "hidden");
        Tensor hiddenBias = named(gate, "hidden_bias");
        Tensor output = named(gate, "output");
        Tensor outputBias = named(gate, "output_bias");
        if (function instanceof SharedMlp) {
            return Map.of("0.W", hidden, "0.b", hiddenBias, "2.W", output, "2.b", outputBias);
        }
        long C = output.size(0);
        long width = output.size(1);
        Tensor first;
        if (function instanceof Mlp mlp) {
            first = mlp.scaled() ? hidden.mul(named(gate, "scale").unsqueeze(1)) : hidden;
            first = first.unsqueeze(1); // [C, 1, width]
        } else {
            first = hidden.view(-1, C, width).permute(1, 0, 2); // [C, d_in, width]
        }
        return Map.of(
                "0.W", first,
                "0.b", hiddenBias.reshape(C, width),
                "2.W", output.unsqueeze(2),
                "2.b", outputBias.unsqueeze(1));
    }

    private static Tensor named(Map<String, Tensor> gate, String name) {
        return Tensors.named(name, gate);
    }

    /// Reads such a file into a run that is read like any other, but not trained on.
    ///
    /// @param place of the model that was decomposed
    /// @param prompts what the run is looked at with; random tokens when empty
    /// @param steps how many it was trained for, which the file does not tell
    /// @param out a folder that does not exist or is empty
    /// @param program for provenance
    /// @param commandLine for provenance
    /// @throws UserError when the file is none of the kind, or does not fit the model
    public static Imported read(
            Path file,
            Path place,
            Optional<Path> prompts,
            long steps,
            Path out,
            Provenance.Program program,
            List<String> commandLine)
            throws IOException {
        RunDirectory.requireUnused(out);
        Safetensors.Header header = Safetensors.header(file);
        SortedMap<String, Map<String, String>> sites = named(header, COMPONENT);
        if (sites.isEmpty()) {
            throw UserError.withHints(
                    "decomposition of goodfire's library must have tensors _components.SITE.U and .V, got none (%s)"
                            .formatted(file),
                    "convert the state of its ComponentModel: safetensors.torch.save_file(torch.load(PATH, map_location='cpu'), FILE)");
        }
        try (Model model = Model.load(place, Type.FLOAT)) {
            SortedMap<String, Site> found = found(sites.keySet(), model, file);
            SortedMap<String, Map<String, String>> layers = named(header, LAYER);
            ImportanceFunction function = function(header, sites.keySet(), layers, found, file);
            String text = text(place, model, prompts, steps, found, header, sites, function);
            RunFile run = RunFile.parse(text);
            run.checkAgainst(model);
            List<DecomposedSite> decomposed = run.sitesOf(model.target());
            return Scopes.run(() -> {
                SortedMap<String, Tensor> ours = new TreeMap<>();
                double missing = 0;
                for (Map.Entry<String, Site> entry : found.entrySet()) {
                    String site = entry.getValue().name();
                    Tensor U = tensor(header, sites, entry.getKey(), "U");
                    Tensor V = tensor(header, sites, entry.getKey(), "V");
                    ours.put(site + ".U", U);
                    ours.put(site + ".V", V);
                    gate(function, header, layers, entry.getKey(), U.size(0))
                            .forEach((name, tensor) -> ours.put(site + ".gate." + name, tensor));
                    Tensor W = model.target().weight(entry.getValue()); // [d_out, d_in]
                    Tensor rest = W.sub(V.matmul(U).t());
                    missing +=
                            Tensors.number(rest.mul(rest).sum())
                                    / Tensors.number(W.mul(W).sum())
                                    / found.size();
                }
                write(run, place, model, decomposed, ours, out, program, commandLine);
                return new Imported(
                        found.size(),
                        decomposed.stream().mapToInt(DecomposedSite::count).sum(),
                        kind(function),
                        missing);
            });
        }
    }

    /// The tensors that a pattern names: by the first group, then by what else it found.
    private static SortedMap<String, Map<String, String>> named(
            Safetensors.Header header, Pattern pattern) {
        SortedMap<String, Map<String, String>> found = new TreeMap<>();
        for (String name : header.tensors().keySet()) {
            Matcher matcher = pattern.matcher(name);
            if (matcher.matches()) {
                String rest =
                        matcher.groupCount() == 2
                                ? matcher.group(2)
                                : matcher.group(2) + "." + matcher.group(3);
                found.computeIfAbsent(matcher.group(1), _ -> new TreeMap<>()).put(rest, name);
            }
        }
        return found;
    }

    /// The model's site for each of the file's.
    private static SortedMap<String, Site> found(Set<String> names, Model model, Path file) {
        SortedMap<String, Site> found = new TreeMap<>();
        List<String> unknown = new ArrayList<>();
        for (String name : names) {
            String module = name.replace('-', '.');
            String inner = module.replaceFirst("^(transformer|model)\\.", "");
            Optional<Site> site =
                    model.target().sites().stream()
                            .filter(each -> each.isCalled(module) || each.isCalled(inner))
                            .findFirst();
            site.ifPresentOrElse(each -> found.put(name, each), () -> unknown.add(module));
        }
        if (!unknown.isEmpty()) {
            throw UserError.withHints(
                    "sites of the decomposition must be sites of the model, got %s (%s)"
                            .formatted(String.join(", ", unknown), file),
                    "the model's sites are %s; embeddings are none"
                            .formatted(model.target().sites().stream().map(Site::name).toList()));
        }
        return found;
    }

    /// The importance function that the file's MLPs are.
    private static ImportanceFunction function(
            Safetensors.Header header,
            Set<String> sites,
            SortedMap<String, Map<String, String>> layers,
            SortedMap<String, Site> found,
            Path file) {
        Set<ImportanceFunction> functions = new LinkedHashSet<>();
        for (String site : sites) {
            Map<String, String> own = layers.getOrDefault(site, Map.of());
            if (!own.keySet().equals(Set.of("0.W", "0.b", "2.W", "2.b"))) {
                throw UserError.withHints(
                        "importance functions of the decomposition must be an MLP with one hidden layer at each site, got %s at %s (%s)"
                                .formatted(
                                        own.isEmpty() ? "none" : own.keySet(),
                                        site.replace('-', '.'),
                                        file),
                        "functions that read all sites at once have no counterpart here");
            }
            List<Long> shape = entry(header, own, IN + ".W").shape();
            functions.add(function(shape, found, site));
        }
        if (functions.size() > 1) {
            throw new UserError(
                    "importance functions of the decomposition must be of one kind and width, got %s (%s)"
                            .formatted(functions, file));
        }
        return functions.iterator().next();
    }

    private static ImportanceFunction function(
            List<Long> shape, SortedMap<String, Site> found, String site) {
        Site own = found.get(site);
        int width = Math.toIntExact(shape.getLast());
        if (shape.size() == 2) {
            return new SharedMlp(width);
        }
        return shape.get(1) == 1 && (own == null || own.dIn() != 1)
                ? new Mlp(width)
                : new VectorMlp(width);
    }

    private static Safetensors.Entry entry(
            Safetensors.Header header, Map<String, String> own, String part) {
        Safetensors.Entry entry = header.tensors().get(own.get(part));
        if (entry == null) {
            throw new IllegalStateException("no tensor " + part + " among " + own);
        }
        return entry;
    }

    private static String kind(ImportanceFunction function) {
        return switch (function) {
            case SharedMlp shared -> "shared_mlp of " + shared.hidden();
            case VectorMlp vector -> "vector_mlp of " + vector.hidden();
            case Mlp mlp -> "mlp of " + mlp.hidden();
            default -> throw new IllegalStateException(function.toString());
        };
    }

    private static Tensor tensor(
            Safetensors.Header header,
            SortedMap<String, Map<String, String>> named,
            String site,
            String part) {
        String name = named.getOrDefault(site, Map.of()).get(part);
        if (name == null) {
            throw new UserError(
                    "decomposition must have U and V of each site, got no %s of %s"
                            .formatted(part, site.replace('-', '.')));
        }
        return Safetensors.read(header, name, Type.FLOAT);
    }

    /// A site's MLP in the shapes of ours.
    private static Map<String, Tensor> gate(
            ImportanceFunction function,
            Safetensors.Header header,
            SortedMap<String, Map<String, String>> layers,
            String site,
            long C) {
        Tensor first = tensor(header, layers, site, IN + ".W");
        Tensor firstBias = tensor(header, layers, site, IN + ".b");
        Tensor last = tensor(header, layers, site, OUT + ".W");
        Tensor lastBias = tensor(header, layers, site, OUT + ".b");
        return switch (function) {
            case SharedMlp _ -> gate(first, firstBias, last, lastBias);
            case Mlp mlp ->
                    gate(
                            first.reshape(C, mlp.hidden()),
                            firstBias,
                            last.reshape(C, mlp.hidden()),
                            lastBias.reshape(C));
            case VectorMlp vector ->
                    gate(
                            first.permute(1, 0, 2).reshape(-1, C * vector.hidden()),
                            firstBias.reshape(C * vector.hidden()),
                            last.reshape(C, vector.hidden()),
                            lastBias.reshape(C));
            default -> throw new IllegalStateException(function.toString());
        };
    }

    private static Map<String, Tensor> gate(
            Tensor hidden, Tensor hiddenBias, Tensor output, Tensor outputBias) {
        return Map.of(
                "hidden", hidden,
                "hidden_bias", hiddenBias,
                "output", output,
                "output_bias", outputBias);
    }

    /// The configuration of a run that nobody trained here.
    private static String text(
            Path place,
            Model model,
            Optional<Path> prompts,
            long steps,
            SortedMap<String, Site> found,
            Safetensors.Header header,
            SortedMap<String, Map<String, String>> components,
            ImportanceFunction function) {
        String target =
                Hub.isName(place)
                        ? place.toString()
                        : place.toAbsolutePath().normalize().toString();
        FirstConfig first = new FirstConfig(model, target, prompts);
        StringBuilder sites = new StringBuilder();
        found.forEach((name, site) -> {
            Map<String, String> own = components.getOrDefault(name, Map.of());
            List<Long> U = own.containsKey("U") ? entry(header, own, "U").shape() : List.of();
            List<Long> V = own.containsKey("V") ? entry(header, own, "V").shape() : List.of();
            if (U.size() != 2
                    || !V.equals(List.of(site.dIn(), U.getFirst()))
                    || U.getLast() != site.dOut()) {
                throw new UserError(
                        "V and U of site %s must be [%d, C] and [C, %d] for this model, got %s and %s"
                                .formatted(site.name(), site.dIn(), site.dOut(), V, U));
            }
            sites.append(
                    "  - {pattern: %s, subcomponents: %d}\n"
                            .formatted(FirstConfig.quoted(site.name()), U.getFirst()));
        });
        return String.format(
                Locale.ROOT,
                """
                target: %s
                steps: %d
                sites:
                %simportance: {kind: %s}
                streams:
                  - name: imported
                %s    length: %d
                    batch: 16
                    losses: [{kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: all}]
                optimizer: {learning_rate: 0.0}
                """,
                FirstConfig.quoted(target),
                steps,
                sites,
                kind(function).replace(" of ", ", hidden: "),
                first.data(),
                first.length());
    }

    private static void write(
            RunFile run,
            Path place,
            Model model,
            List<DecomposedSite> sites,
            SortedMap<String, Tensor> tensors,
            Path out,
            Provenance.Program program,
            List<String> commandLine) {
        Path name = place.toAbsolutePath().normalize().getFileName();
        String target = RunDirectory.TARGET + "/" + (name == null ? "model" : name.toString());
        Provenance.Session session =
                new Provenance.Session(
                        program,
                        commandLine,
                        Provenance.Machine.here(1, Engines.of(Type.FLOAT, Device.CPU)),
                        Instant.now(),
                        Instant.now());
        RunFile copied = run.withCopies(target, RunDirectory.DATA);
        try (RunDirectory made =
                RunDirectory.createExported(
                        out,
                        YamlTree.write(Binder.toTree(copied)),
                        to -> {
                            Path copy = to.path().resolve(target);
                            Model.copy(model.place(), copy);
                            run.copyData(to.dataFolder());
                            Provenance.start(
                                            Provenance.Subject.of(run.seed(), WeightFiles.in(copy)),
                                            session)
                                    .write(to);
                            to.checkpoints()
                                    .saveExported(
                                            run.steps(),
                                            tensors,
                                            DecompositionFile.livingOnly(sites));
                        })) {
            AtomicFile.syncFolder(made.path());
            Files.delete(made.path().resolve(RunLock.FILE)); // nobody else writes to it
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
