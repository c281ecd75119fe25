package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.decomposition.Decomposition;
import cleave.hub.Model;
import cleave.model.Activation;
import cleave.model.Generation;
import cleave.model.ModelSpec;
import cleave.model.Target;
import cleave.run.LoadedRun;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import cleave.text.R50kFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `cleave concept`, `cleave facts` and `cleave edit` on three steps of two sites of the facts
/// model.
///
/// Its subcomponents are random and large, so that what suppressing them does can be seen.
class ConceptCommandsTest {
    /// A run that has sites which write to the residual stream.
    private static final Path WRITING = Path.of("models/facts-gpt2-decomposed");

    private static final Path MODEL = Path.of("models/facts-gpt2").toAbsolutePath();
    private static final String PROMPT = "Kobe Bryant plays the sport of";
    private static final String ANSWER = " basketball";
    private static final String[] SETTINGS = {
        "--top", "3", "--threshold", "0.2", "--sequences", "8", "--json"
    };

    /// What takes least where figures are not looked at.
    private static final String[] FEW = {"--top", "1", "--sequences", "4"};

    private static final String CONFIG =
            """
            seed: 0
            steps: 3
            sites:
              - {pattern: "h.0.mlp.c_fc", subcomponents: 8}
              - {pattern: "h.2.attn.c_attn.v", subcomponents: 8}
            start: kaiming
            importance: {kind: sequence, hidden: 4, head_width: 8, causal: true, positions: 20, own_activation: true}
            leak: sign_gated
            faithfulness: {coefficient: 0.0, relative: false}
            streams:
              - name: facts
                data: {kind: facts, about: [forward], part: trained, losses: last}
                length: 16
                batch: 4
                weight_delta: stochastic
                losses:
                  - {kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: all, draws: 1}
            optimizer:
              learning_rate: 0.001
              adam: {beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8, weight_decay: 0.0}
            machine: {workers: 1, slice: 4, precision: float32}
            cadence: {log: 1, checkpoint: 10}
            """;

    @TempDir private static Path shared;
    private static Path run;

    /// What `cleave concept --json` says about the prompt.
    private static JsonNode concept;

    @TempDir private Path temporary;

    @BeforeAll
    static void decompose() throws IOException {
        Path config = shared.resolve("facts.yaml");
        Files.writeString(config, "target: " + MODEL + "\n" + CONFIG);
        run = shared.resolve("run");
        Result decomposed = TinyRun.cleave("decompose", config.toString(), "--run", run.toString());
        assertThat(decomposed.exitCode()).as(decomposed.err()).isZero();
        concept = json(with(SETTINGS, "concept", run, "--prompt", PROMPT, "--answer", ANSWER));
    }

    private static Object[] with(String[] more, Object... command) {
        List<Object> all = new ArrayList<>(List.of(command));
        all.addAll(List.of(more));
        return all.toArray();
    }

    private static Result cleave(Object... arguments) {
        return TinyRun.cleave(Arrays.stream(arguments).map(String::valueOf).toArray(String[]::new));
    }

    private static JsonNode json(Object... arguments) {
        Result result = cleave(arguments);
        assertThat(result.exitCode()).as(result.err()).isZero();
        return JsonMapper.shared().readTree(result.out());
    }

    private static double number(JsonNode node, String name) {
        return node.get(name).asDouble();
    }

    private static List<String> strings(JsonNode array, String name) {
        return array.valueStream().map(each -> each.get(name).asString()).toList();
    }

    /// The chosen as `SITE:INDEX`.
    private static List<String> chosen() {
        return concept.get("chosen")
                .valueStream()
                .map(id -> id.get("site").asString() + ":" + id.get("index").asInt())
                .toList();
    }

    @Test
    void aConceptIsWhatIsActiveWhatIsChosenAndWhatElseIsAsked() {
        JsonNode target = json("predict", MODEL, PROMPT, "--json", "--top", 806);
        assertThat(Golden.wholeNumbers(concept.get("tokens")))
                .containsExactly(Golden.wholeNumbers(target.get("ids")));
        double before =
                target.get("top")
                        .valueStream()
                        .filter(each -> each.get("id").asInt() == concept.get("answer").asInt())
                        .mapToDouble(each -> number(each, "probability"))
                        .sum();
        assertThat(number(concept, "before")).isCloseTo(before, within(1e-6));

        // Those whose suppression lowers the answer most come first, and up to three are chosen.
        JsonNode active = concept.get("active");
        double[] effects =
                active.valueStream().mapToDouble(each -> number(each, "effect")).toArray();
        assertThat(effects).isSorted().hasSizeGreaterThan(3);
        int lowering = (int) Arrays.stream(effects).filter(effect -> effect < -1e-5).count();
        assertThat(lowering).isPositive();
        assertThat(concept.get("chosen")).hasSize(Math.min(3, lowering));
        for (int i = 0; i < concept.get("chosen").size(); i++) {
            assertThat(concept.get("chosen").get(i)).isEqualTo(active.get(i).get("subcomponent"));
        }
        assertThat(active.valueStream())
                .allSatisfy(each -> {
                    assertThat(each.get("positions")).isNotEmpty();
                    assertThat(number(each, "importance")).isGreaterThan(0.2);
                    assertThat(each.get("candidate").asBoolean()).isTrue();
                });

        JsonNode after = concept.get("after");
        assertThat(number(after, "everywhere")).isCloseTo(number(after, "edited"), within(1e-5));
        assertThat(number(after, "active")).isBetween(0.0, 1.0);
        assertThat(number(concept, "masked_to_edited")).isBetween(0.0, 1e-3);

        // 8 phrasings, 9 athletes of 8 sports, a home and a nickname, 103 held-out other sentences.
        assertThat(strings(concept.get("effects"), "group"))
                .containsExactly(
                        "this prompt",
                        "paraphrases",
                        "same sport",
                        "other sports",
                        "reverse",
                        "other text");
        assertThat(concept.get("effects").valueStream().map(each -> each.get("questions").asInt()))
                .containsExactly(1, 7, 8, 63, 16, 103);
        JsonNode own = concept.get("effects").get(0);
        assertThat(number(own, "before")).isCloseTo(before, within(1e-6));
        assertThat(number(own, "after")).isCloseTo(number(after, "everywhere"), within(1e-6));
        assertThat(number(own, "ratio"))
                .isCloseTo(number(own, "after") / number(own, "before"), within(1e-5));

        assertThat(strings(concept.get("controls"), "kind"))
                .containsExactly(
                        "ACTIVE_ELSEWHERE",
                        "ACTIVE_ELSEWHERE",
                        "ACTIVE_ELSEWHERE",
                        "INACTIVE",
                        "INACTIVE",
                        "INACTIVE",
                        "SINGULAR");
        assertThat(concept.get("controls").get(6).get("count").asInt())
                .isEqualTo(concept.get("chosen").size());
    }

    /// The probability of the first token after the prompt times that of the second after both.
    @Test
    void anAnswerOfTwoTokensCountsAsAWhole() {
        JsonNode two =
                json(with(SETTINGS, "concept", run, "--prompt", PROMPT, "--answer", " golf."));
        double product = 1;
        String before = PROMPT;
        for (String token : List.of(" golf", ".")) {
            product *=
                    json("predict", MODEL, before, "--json", "--top", 806)
                            .get("top")
                            .valueStream()
                            .filter(each -> each.get("token").asString().equals(token))
                            .mapToDouble(each -> number(each, "probability"))
                            .sum();
            before += token;
        }
        assertThat(number(two, "before")).isCloseTo(product, within(1e-9));
        assertThat(two.get("answer_tokens")).hasSize(2);
        assertThat(two.get("answer_tokens").get(0)).isEqualTo(two.get("answer"));
        Result shown = cleave(with(FEW, "concept", run, "--prompt", PROMPT, "--answer", " golf."));
        assertThat(shown.exitCode()).as(shown.err()).isZero();
        assertThat(shown.out()).contains("answer \" golf\" (\" golf\" \".\") after 7 tokens");
    }

    @Test
    void aPieceThatCutsATokenIsSaid() {
        Object[] command = with(FEW, "concept", run, "--prompt", PROMPT, "--answer", ANSWER);
        Result cut = cleave(with(new String[] {"--within", "be B"}, command));
        assertThat(cut.exitCode()).as(cut.err()).isZero();
        assertThat(cut.err())
                .contains("note: --within cuts a token: \"obe\" stands for more than the piece")
                .contains("note: --within cuts a token: \" Bryant\" stands for more");
        Result whole = cleave(with(new String[] {"--within", "Bryant"}, command));
        assertThat(whole.err()).doesNotContain("note:");
    }

    /// The shares are those of the same command without the option.
    @Test
    void onlyWhatIsRareElsewhereIsChosen() {
        List<JsonNode> all = concept.get("active").valueStream().toList();
        double[] shares =
                all.stream().mapToDouble(each -> number(each, "share")).sorted().toArray();
        double rare = shares[0];
        assertThat(rare).isLessThan(shares[shares.length - 1]);
        String[] option = {"--rare", String.valueOf(rare)};
        Object[] rarely =
                with(
                        option,
                        with(SETTINGS, "concept", run, "--prompt", PROMPT, "--answer", ANSWER));
        JsonNode some = json(rarely);
        for (int i = 0; i < all.size(); i++) {
            JsonNode each = some.get("active").get(i);
            assertThat(each.get("subcomponent")).isEqualTo(all.get(i).get("subcomponent"));
            assertThat(each.get("candidate").asBoolean())
                    .isEqualTo(number(all.get(i), "share") <= rare);
        }
        assertThat(some.get("chosen").valueStream())
                .allSatisfy(id ->
                        assertThat(
                                        some.get("active")
                                                .valueStream()
                                                .filter(each -> each.get("subcomponent").equals(id))
                                                .mapToDouble(each -> number(each, "share"))
                                                .sum())
                                .isEqualTo(rare));
    }

    @Test
    void allOptionsOutOfRangeAreNamedAtOnce() {
        String all =
                """
                --top must be >= 1, got 0
                --threshold must be >= 0 and < 1, got 1.0
                --at must be everywhere or active, got here
                --rare must be >= 0 and <= 1, got 1.5
                --sequences must be >= 1, got 0
                """;
        String[] options = {
            "--top", "0", "--threshold", "1", "--at", "here", "--rare", "1.5", "--sequences", "0"
        };
        Result wrong =
                cleave(with(options, "concept", run, "--prompt", PROMPT, "--answer", ANSWER));
        assertThat(wrong.exitCode()).isEqualTo(2);
        assertThat(wrong.err()).isEqualTo(all);
    }

    @Test
    void peopleSeeTablesOfTheSame() {
        Result text =
                cleave(
                        "concept",
                        run,
                        "--prompt",
                        PROMPT,
                        "--answer",
                        ANSWER,
                        "--within",
                        "Kobe",
                        "--at",
                        "active",
                        "--sequences",
                        4,
                        "--threshold",
                        0.2);
        assertThat(text.exitCode()).as(text.err()).isZero();
        assertThat(text.out())
                .contains(
                        "answer \" basketball\" after 7 tokens, ",
                        "active at",
                        "suppressed: h.",
                        "other text",
                        "masks everywhere and edited weights differ by at most ");
    }

    @Test
    void thePageOfResultsHasEveryKey() throws IOException {
        String page = Files.readString(Path.of("docs/reference/results.md"));
        JsonNode receipt =
                json(
                        "edit",
                        run,
                        "--suppress",
                        chosen().getFirst(),
                        "--out",
                        temporary.resolve("edited"),
                        "--json");

        for (JsonNode node :
                List.of(
                        concept,
                        concept.get("active").get(0),
                        concept.get("after"),
                        concept.get("effects").get(0),
                        concept.get("controls").get(0),
                        receipt)) {
            assertThat(node.propertyNames())
                    .allSatisfy(key -> assertThat(page).contains("`" + key + "`"));
        }
    }

    /// What `cleave edit` writes is `W - sum U V`, computed here from the files by loops; and
    /// `cleave predict` then says what `cleave concept` said the edit does.
    @Test
    void anEditIsTheModelWithoutTheChosenAndPredictShowsIt() {
        Path edited = temporary.resolve("edited");
        JsonNode receipt =
                json(
                        "edit",
                        run,
                        "--suppress",
                        String.join(",", chosen()),
                        "--out",
                        edited,
                        "--json");
        assertThat(receipt.get("sequences").asInt()).isEqualTo(64);
        assertThat(number(receipt, "positions")).isEqualTo(64);
        assertThat(number(receipt, "exported_to_edited")).isBetween(0.0, 1e-5);
        assertThat(number(receipt, "masked_to_edited")).isBetween(0.0, 1e-3);
        assertThat(number(receipt, "largest_logit")).isPositive();
        assertThat(number(receipt, "kl")).isPositive();
        assertThat(edited.resolve("reference.safetensors")).doesNotExist();
        assertThat(edited.resolve("README.md"))
                .content()
                .contains("| `%s` | 0.0 |".formatted(chosen().getFirst()));

        JsonNode found = json("predict", edited, PROMPT, "--json", "--logits", "--top", 806);
        double answer =
                found.get("top")
                        .valueStream()
                        .filter(each -> ANSWER.equals(each.get("token").asString()))
                        .mapToDouble(each -> number(each, "probability"))
                        .sum();
        assertThat(answer).isCloseTo(number(concept.get("after"), "edited"), within(1e-5));
        assertThat(Math.abs(answer / number(concept, "before") - 1)).isGreaterThan(1e-4);
        int[] ids = found.get("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
        double[] logits = Golden.numbers(found.get("logits"));
        assertThat(logits).containsExactly(byHand(chosen(), ids), within(1e-4));
    }

    /// The logits after these tokens of the target whose stored weights lack these subcomponents.
    private static double[] byHand(List<String> without, int... ids) {
        double[][] logits = new double[1][];
        Scopes.run(() -> {
            try (Model model = Model.load(MODEL, Type.FLOAT);
                    TensorMap parts = Safetensors.read(TinyRun.decomposition(run))) {
                SortedMap<String, Tensor> weights = new TreeMap<>(model.target().weights());
                for (String each : without) {
                    String site = each.substring(0, each.indexOf(':'));
                    int c = Integer.parseInt(each.substring(each.indexOf(':') + 1));
                    // Values are the last third of what c_attn puts out.
                    boolean values = site.endsWith(".v");
                    String name = (values ? "h.2.attn.c_attn" : site) + ".weight";
                    int first = values ? 256 : 0;
                    Tensor before = Tensors.named(name, weights);
                    double[] W = Tensors.toDoubles(before); // [d_in, all d_out]
                    double[] V = Tensors.toDoubles(parts.get(site + ".V")); // [d_in, 8]
                    double[] U = Tensors.toDoubles(parts.get(site + ".U")); // [8, d_out]
                    int width = Math.toIntExact(before.size(1));
                    int dOut = U.length / 8;
                    for (int in = 0; in < V.length / 8; in++) {
                        for (int out = 0; out < dOut; out++) {
                            W[in * width + first + out] -= V[in * 8 + c] * U[c * dOut + out];
                        }
                    }
                    weights.put(name, Tensors.of(W, Type.FLOAT, before.shape()));
                }
                try (Target edited = model.spec().over(weights, () -> {})) {
                    logits[0] = Generation.logits(edited, ids);
                }
            } catch (IOException failure) {
                throw new AssertionError(failure);
            }
        });
        return logits[0];
    }

    /// Half of one and twice another: `s - 1` is -0.5 and 1.
    @Test
    void scalesAreWrittenIntoTheCard() {
        Path edited = temporary.resolve("edited");
        Result result =
                cleave(
                        "edit",
                        run,
                        "--scale",
                        "h.0.mlp.c_fc:3=0.5,h.2.attn.c_attn.v:7=2",
                        "--out",
                        edited);
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out())
                .contains("2 subcomponents scaled; over 64 sequences", "edited model: " + edited);
        assertThat(edited.resolve("README.md"))
                .content()
                .contains("| `h.0.mlp.c_fc:3` | 0.5 |", "| `h.2.attn.c_attn.v:7` | 2.0 |");
    }

    /// One fact of `cleave facts` has the figures of `cleave concept` for its first phrasing.
    @Test
    void aFactIsTheConceptOfItsFirstPhrasing() {
        Result result = cleave(with(SETTINGS, "facts", run, "--only", "Kobe"));
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.err()).contains("Kobe Bryant: ");
        JsonNode facts = JsonMapper.shared().readTree(result.out());
        assertThat(facts.get("facts")).hasSize(1);
        JsonNode fact = facts.get("facts").get(0);
        JsonNode effects = concept.get("effects");
        assertThat(fact.get("athlete").asString()).isEqualTo("Kobe Bryant");
        assertThat(fact.get("sport").asString()).isEqualTo("basketball");
        assertThat(fact.get("active").asInt()).isEqualTo(concept.get("active").size());
        assertThat(fact.get("chosen").asInt()).isEqualTo(concept.get("chosen").size());
        assertThat(number(fact, "before")).isCloseTo(number(concept, "before"), within(1e-6));
        assertThat(number(fact, "after"))
                .isCloseTo(number(concept.get("after"), "everywhere"), within(1e-6));
        assertThat(number(fact, "fall"))
                .isCloseTo(number(fact, "before") / number(fact, "after"), within(1e-4));
        assertThat(number(fact, "paraphrases")).isEqualTo(number(effects.get(1), "unchanged"));
        double same = number(effects.get(2), "unchanged");
        double other = number(effects.get(3), "unchanged");
        assertThat(number(fact, "same_sport")).isEqualTo(same);
        assertThat(number(fact, "other_sports")).isEqualTo(other);
        // 8 athletes of the sport, 63 of others.
        assertThat(number(fact, "specificity"))
                .isCloseTo((8 * same + 63 * other) / 71, within(1e-12));
        assertThat(number(fact, "reverse")).isEqualTo(number(effects.get(4), "unchanged"));
        assertThat(number(fact, "side_effect"))
                .isCloseTo(number(effects.get(5), "kl"), within(1e-6));
        JsonNode singular = concept.get("controls").get(6).get("effects").get(0);
        assertThat(number(fact, "singular"))
                .isCloseTo(Math.abs(number(singular, "ratio") - 1), within(1e-5));
        JsonNode summary = facts.get("summary");
        assertThat(summary.get("facts").asInt()).isEqualTo(1);
        assertThat(number(summary.get("fall"), "median")).isEqualTo(number(fact, "fall"));
        assertThat(number(summary.get("specificity"), "lower"))
                .isEqualTo(number(fact, "specificity"));
    }

    /// `cleave facts` leaves `facts.json`, from which the run's page is drawn.
    @Test
    void factsAreOnTheRunsPageOnceTheyWereAsked() throws IOException {
        Path file = run.resolve("facts.json");
        Path page = run.resolve("report.html");
        Files.deleteIfExists(file);
        assertThat(cleave("report", run, "--sequences", 4).exitCode()).isZero();
        assertThat(Files.readString(page)).doesNotContain("id=\"facts\"", "#facts");

        JsonNode said = json(with(SETTINGS, "facts", run, "--only", "Kobe"));
        JsonNode kept = JsonMapper.shared().readTree(Files.readString(file));
        assertThat(kept.get("facts")).isEqualTo(said.get("facts"));
        assertThat(kept.get("summary")).isEqualTo(said.get("summary"));
        assertThat(kept.get("step").asInt()).isEqualTo(3);
        assertThat(kept.get("top").asInt()).isEqualTo(3);
        assertThat(kept.get("at").asString()).isEqualTo("EVERYWHERE");
        assertThat(cleave("report", run, "--sequences", 4).exitCode()).isZero();
        assertThat(Files.readString(page))
                .contains(
                        "id=\"facts\"",
                        "Kobe Bryant",
                        "at most 3, at every position",
                        "change by inactive ones, share");

        Files.writeString(file, "{\"step\": 3}");
        refused(
                "facts.json must be what cleave facts writes, got ",
                "report",
                run,
                "--sequences",
                4);
        Files.delete(file);
    }

    /// On GPT-2's own tokens everything about the facts can be asked too, and questions and text of
    /// one's own. The model knows nothing.
    @Test
    void aGpt2WithItsOwnTokensIsAskedTheFactsAndQuestionsOfOnesOwn() throws IOException {
        Path model = temporary.resolve("gpt2");
        ModelSpec.Gpt2 spec =
                new ModelSpec.Gpt2(50257, 32, 8, 1, 1, 8, Activation.GELU_NEW, 1e-5, true);
        Scopes.run(() -> {
            try {
                Model.save(model, spec, spec.initial(0), "# A card\n");
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        new R50kFiles().writePublished(model);
        Path config = temporary.resolve("own.yaml");
        Files.writeString(
                config,
                ("target: " + model + "\n" + CONFIG)
                        .replace("  - {pattern: \"h.2.attn.c_attn.v\", subcomponents: 8}\n", ""));
        Path own = temporary.resolve("own");
        Result decomposed = cleave("decompose", config, "--run", own);
        assertThat(decomposed.exitCode()).as(decomposed.err()).isZero();

        Path questions = temporary.resolve("questions.jsonl");
        Files.writeString(
                questions,
                """
                {"text": "Golf is played with a", "answer": " club"}
                {"text": "Who plays golf?", "answer": " Tiger Woods"}
                """);
        Path text = temporary.resolve("text.txt");
        Files.writeString(text, "A line of other text.\nAnother one.\n");
        Object[] command = with(SETTINGS, "concept", own, "--prompt", PROMPT, "--answer", ANSWER);
        JsonNode facts = json(command);
        assertThat(strings(facts.get("effects"), "group"))
                .containsExactly(
                        "this prompt",
                        "paraphrases",
                        "same sport",
                        "other sports",
                        "reverse",
                        "other text");
        String[] more = {"--ask", "golf=" + questions, "--text", text.toString()};
        JsonNode asked = json(with(more, command));
        assertThat(strings(asked.get("effects"), "group"))
                .containsExactly(
                        "this prompt",
                        "paraphrases",
                        "same sport",
                        "other sports",
                        "reverse",
                        "golf",
                        "other text");
        assertThat(asked.get("effects").valueStream().map(each -> each.get("questions").asInt()))
                .containsExactly(1, 7, 8, 63, 16, 2, 2);
        assertThat(asked.get("chosen")).isEqualTo(facts.get("chosen"));

        JsonNode kobe = json(with(SETTINGS, "facts", own, "--only", "Kobe"));
        assertThat(number(kobe.get("facts").get(0), "after"))
                .isCloseTo(number(facts.get("after"), "everywhere"), within(1e-6));

        refused(
                "--ask must have a name of its own, got reverse again",
                with(new String[] {"--ask", "reverse=" + questions}, command));
        refused("--ask must be NAME=FILE, got golf", with(new String[] {"--ask", "golf"}, command));
        Files.writeString(questions, "{\"text\": \"Golf\"}\n");
        refused(questions + ":1: question must have an answer, got none", with(more, command));
        String joined =
                "answer must begin between tokens, got \"b\", which the prompt's end is cut together with: [\"ab\"]";
        refused(joined, "concept", own, "--prompt", "a", "--answer", "b");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "Kobe Bryant plays the sport of | `` | answer must have at least one token, got none",
                "Kobe Bryant plays the sport of | ` zebra` | text must consist of the model's 806 tokens, got ",
                "`Kobe Bryant plays the sport of the sport of the sport of the sport of the sport of the sport of` | ` golf` | prompt must be at most the model's context of 20 tokens, got 22",
                "`` | ` golf` | prompt must have at least one token, got none",
            })
    void anAnswerOrPromptThatDoesNotFitIsNamed(String prompt, String answer, String message) {
        refused(message, "concept", run, "--prompt", prompt, "--answer", answer);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--top      | 0                 | --top must be >= 1, got 0",
                "--threshold| 1                 | --threshold must be >= 0 and < 1, got 1.0",
                "--at       | nowhere           | --at must be everywhere or active, got nowhere",
                "--sequences| 0                 | --sequences must be >= 1, got 0",
                "--within   | Tiger             | prompt must hold \"Tiger\", got \"Kobe Bryant plays the sport of\"",
            })
    void optionsOutOfRangeAreNamed(String option, String value, String message) {
        refused(message, "concept", run, "--prompt", PROMPT, "--answer", ANSWER, option, value);
    }

    @Test
    void anAthleteWhomNobodyKnowsIsNamed() {
        refused(
                "--only must be part of an athlete's name or a sport, got Nobody",
                "facts",
                run,
                "--only",
                "Nobody");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--suppress | h.0.mlp.c_fx:1 | site must be one of [h.0.mlp.c_fc, h.2.attn.c_attn.v], got h.0.mlp.c_fx",
                "--suppress | h.0.mlp.c_fc:8 | subcomponent of h.0.mlp.c_fc must be in 0..7, got 8",
                "--suppress | h.0.mlp.c_fc   | subcomponent must be SITE:INDEX, got 'h.0.mlp.c_fc'",
                "--suppress | h.0.mlp.c_fc:1,h.0.mlp.c_fc:1 | subcomponent must be named once, got h.0.mlp.c_fc:1",
                "--scale    | h.0.mlp.c_fc:1 | --scale must be SITE:INDEX=NUMBER, got 'h.0.mlp.c_fc:1'",
                "--scale    | h.0.mlp.c_fc:1=1e300 | edited weights must be finite, got NaN or infinity in h.0.mlp.c_fc with scales {h.0.mlp.c_fc:1=1.0E300}",
            })
    void whatCannotBeEditedIsNamedAndNothingIsWritten(String option, String value, String message) {
        Path out = temporary.resolve("edited");
        refused(message, "edit", run, option, value, "--out", out);
        assertThat(out).doesNotExist();
    }

    /// The token's row of the head less the mean row, of the piece's length and turned by the sign
    /// of its largest activation, stands in the place of what the piece wrote: `W' = W + V (U' -
    /// U)`.
    @Test
    void aPieceWritesAnotherToken() {
        Path edited = temporary.resolve("edited");
        Result result =
                cleave("edit", WRITING, "--replace", "h.1.mlp.c_proj:10= tennis", "--out", edited);
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.err()).doesNotContain("warning");
        assertThat(result.out()).contains("1 subcomponents changed; over 64 sequences");
        assertThat(edited.resolve("README.md"))
                .content()
                .contains("| `h.1.mlp.c_proj:10` | writes ` tennis` |");
        Scopes.run(() -> {
            try (LoadedRun loaded = LoadedRun.open(WRITING);
                    Model after = Model.load(edited, Type.FLOAT)) {
                Decomposition decomposition = loaded.decomposition();
                var parts = decomposition.subcomponents(decomposition.site("h.1.mlp.c_proj"));
                double[] before =
                        Tensors.toDoubles(
                                Tensors.named(
                                        "h.1.mlp.c_proj.weight", decomposition.target().weights()));
                double[] written =
                        Tensors.toDoubles(
                                Tensors.named("h.1.mlp.c_proj.weight", after.target().weights()));
                double[] head =
                        Tensors.toDoubles(
                                Tensors.named("wte.weight", decomposition.target().weights()));
                double[] V = Tensors.toDoubles(parts.V()); // [d_in, C]
                double[] U = Tensors.toDoubles(parts.U()); // [C, d]
                int C = Math.toIntExact(parts.U().size(0));
                int d = Math.toIntExact(parts.U().size(1));
                int token = loaded.model().tokenizer().orElseThrow().encode(" tennis")[0];
                double[] direction = new double[d];
                double norm = 0;
                double length = 0;
                for (int i = 0; i < d; i++) {
                    double mean = 0;
                    int rows = head.length / d;
                    for (int row = 0; row < rows; row++) {
                        mean += head[row * d + i] / rows;
                    }
                    direction[i] = head[token * d + i] - mean;
                    norm += direction[i] * direction[i];
                    length += U[10 * d + i] * U[10 * d + i];
                }
                double[] errors = new double[2];
                for (int sign = 0; sign < 2; sign++) {
                    double scale = (sign == 0 ? 1 : -1) * Math.sqrt(length / norm);
                    for (int in = 0; in < V.length / C; in++) {
                        for (int out = 0; out < d; out++) {
                            double added =
                                    V[in * C + 10] * (scale * direction[out] - U[10 * d + out]);
                            errors[sign] =
                                    Math.max(
                                            errors[sign],
                                            Math.abs(
                                                    written[in * d + out]
                                                            - before[in * d + out]
                                                            - added));
                        }
                    }
                }
                assertThat(Math.min(errors[0], errors[1])).isLessThan(1e-5);
                assertThat(Math.max(errors[0], errors[1])).isGreaterThan(1e-3);
            }
        });
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "h.0.attn.c_attn:2= tennis | site of --replace must write to the residual stream, got h.0.attn.c_attn",
                "h.1.mlp.c_proj:10= tennis tennis | text of --replace must be one token, got",
                "h.1.mlp.c_proj:10 | --replace must be SITE:INDEX=TOKEN, got 'h.1.mlp.c_proj:10'",
            })
    void whatCannotBeReplacedIsNamed(String value, String message) {
        Path out = temporary.resolve("edited");
        refused(message, "edit", WRITING, "--replace", value, "--out", out);
        assertThat(out).doesNotExist();
    }

    @Test
    void whatWasMergedCannotBeEdited() {
        Path out = temporary.resolve("edited");
        refused(
                "subcomponent must be one that is left, got h.2.attn.c_attn:40 of norm 0, as those that were merged into the remainder",
                "edit",
                Path.of("models/facts-gpt2-decomposed"),
                "--suppress",
                "h.2.attn.c_attn:40",
                "--out",
                out);
        assertThat(out).doesNotExist();
    }

    @Test
    void anEditNeedsSomethingToDoAndAnEmptyFolder() throws IOException {
        refused(
                "edit must have --suppress, --scale or --replace, got none",
                "edit",
                run,
                "--out",
                temporary.resolve("edited"));
        Files.writeString(temporary.resolve("kept.txt"), "kept");
        refused(
                "--out must be a new or empty folder, got one with files (%s)".formatted(temporary),
                "edit",
                run,
                "--suppress",
                "h.0.mlp.c_fc:1",
                "--out",
                temporary);
        refused(
                "--out must be a new or empty folder, got a file (",
                "edit",
                run,
                "--suppress",
                "h.0.mlp.c_fc:1",
                "--out",
                temporary.resolve("kept.txt"));
        assertThat(temporary.toFile().list()).containsExactly("kept.txt");
    }

    /// A sweep's figures of athletes are the medians of what it leaves in its run, as `cleave
    /// facts` does.
    @Test
    void aSweepAsksItsRunsAboutEveryAthlete() throws IOException {
        Path config = shared.resolve("facts.yaml");
        Path out = temporary.resolve("sweep");
        String[] command = {
            "sweep", config.toString(), "--seeds", "0", "--sequences", "8", "--out", out.toString(),
        };
        JsonNode row =
                json(with(new String[] {"--facts", "0.5", "--json"}, (Object[]) command))
                        .get("rows")
                        .get(0);
        JsonNode facts =
                JsonMapper.shared()
                        .readTree(Files.readString(out.resolve("seed-0").resolve("facts.json")));
        assertThat(number(facts, "rare")).isEqualTo(0.5);
        assertThat(facts.get("sequences").asInt()).isEqualTo(512);
        assertThat(facts.get("facts")).hasSize(72);
        JsonNode figures = row.get("figures");
        JsonNode summary = facts.get("summary");
        assertThat(number(figures, "facts.fall")).isEqualTo(number(summary.get("fall"), "median"));
        assertThat(number(figures, "kl.other_text"))
                .isEqualTo(number(summary.get("side_effect"), "median"))
                .isPositive();
        assertThat(number(figures, "facts.other_athletes"))
                .isEqualTo(number(summary.get("specificity"), "median"));
        assertThat(number(figures, "facts.athletes_wholly")).isEqualTo(number(summary, "wholly"));
        double[] others =
                facts.get("facts")
                        .valueStream()
                        .mapToDouble(each -> number(each, "other_sports"))
                        .sorted()
                        .toArray();
        assertThat(number(figures, "facts.other_sports"))
                .isCloseTo((others[35] + others[36]) / 2, within(1e-12));

        Result changed = cleave(with(new String[] {"--facts", "0.4"}, (Object[]) command));
        assertThat(changed.err()).contains("\n  --facts: 0.5 -> 0.4\n");
        assertThat(changed.exitCode()).isEqualTo(2);
        refused(
                "--facts must be >= 0 and <= 1, got 1.5",
                with(new String[] {"--facts", "1.5"}, (Object[]) command));
    }

    @Test
    void aTargetThatIsNoLanguageModelIsRefused() throws IOException {
        TinyRun tiny = TinyRun.in(temporary);
        Path other = tiny.run("run");
        assertThat(tiny.decompose(other, "--set", "steps=1").exitCode()).isZero();
        String message =
                "run's target must be a language model, got InductionTransformer (%s)"
                        .formatted(other);
        refused(message, "concept", other, "--prompt", PROMPT, "--answer", ANSWER);
        refused(message, "facts", other);
        refused(
                "--facts: target must have a tokenizer, got none (",
                "sweep",
                tiny.config(),
                "--seeds",
                "0",
                "--facts",
                "0.2");
        refused(message, "edit", other, "--suppress", "Q0:1", "--out", temporary.resolve("edited"));
    }

    /// Attention of a GPT-2 is a pattern for each head, not for each layer.
    @Test
    void theCircuitCheckRefusesAGpt2() {
        String message = "target must be an induction transformer, got Gpt2 (%s)";
        refused(message.formatted(run), "circuit", run);
        refused(message.formatted(run.resolve("target")), "circuit", run, "--necessity");
        refused(message.formatted(MODEL), "circuit", MODEL, "--necessity");
    }

    /// Exit code 2, and the message, at most with a hint, alone.
    private static void refused(String message, Object... arguments) {
        Result result = cleave(arguments);
        assertThat(result.err()).startsWith(message);
        assertThat(result.err().lines().skip(1)).allMatch(line -> line.startsWith("hint: "));
        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
    }
}
