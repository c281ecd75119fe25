package cleave.study.sports;

import cleave.config.ByteOrderMark;
import cleave.config.StandIn;
import cleave.config.UserError;
import cleave.data.JsonLine;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/// The facts that a model is asked, each in several phrasings.
///
/// @param questions all of them
/// @param phrasings how each wording is called in tables, by its number
/// @param usual the subjects that are taken where the user names none
/// @param beside of those that come with Cleave, what finding looks at beside the subjects; empty
///   for a user's own, of which every second subject takes its place
record Catalogue(
        List<Question> questions,
        List<String> phrasings,
        List<String> usual,
        Optional<SportsTable.Beside> beside) {

    /// What a line of a file of questions holds.
    record Line(String subject, String prompt, String answer) {
        private static final List<String> KEYS = List.of("subject", "prompt", "answer");

        static Line of(String json, String place) {
            List<String> texts = JsonLine.texts(json, place, KEYS);
            return new Line(texts.get(0), texts.get(1), texts.get(2));
        }
    }

    /// Copies the lists.
    Catalogue {
        questions = List.copyOf(questions);
        phrasings = List.copyOf(phrasings);
        usual = List.copyOf(usual);
    }

    /// The athletes' sports; the paper's two subjects are the usual ones.
    static Catalogue athletes(SportsTable table) {
        List<Question> questions = new ArrayList<>();
        for (SportsTable.Sport sport : table.sports()) {
            for (String name : sport.names()) {
                for (int i = 0; i < table.phrasings().size(); i++) {
                    questions.add(
                            new Question(
                                    name,
                                    sport.sport(),
                                    i,
                                    table.phrasings().get(i).replace("{name}", name),
                                    " " + sport.sport()));
                }
            }
        }
        return new Catalogue(
                questions,
                table.phrasings(),
                List.of("Kobe Bryant", "Tiger Woods"),
                Optional.of(table.beside()));
    }

    /// The questions of a file: on each line a JSON object with a subject, a prompt and an answer.
    /// Several lines about one subject are its phrasings, in their order.
    ///
    /// @throws UserError when the file cannot be read, or with every malformed line
    static Catalogue file(Path file) {
        List<Question> questions = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        Map<String, Integer> counts = new HashMap<>();
        List<String> lines = read(file).lines().toList();
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).isBlank()) {
                continue;
            }
            String place = "%s:%d".formatted(file, i + 1);
            try {
                Line line = Line.of(lines.get(i), place);
                int phrasing = counts.merge(line.subject(), 1, Integer::sum) - 1;
                questions.add(
                        new Question(
                                line.subject(),
                                line.answer().strip(),
                                phrasing,
                                line.prompt(),
                                line.answer()));
            } catch (UserError refused) {
                problems.add(String.valueOf(refused.getMessage()));
            }
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        List<String> usual = usual(questions);
        if (usual.size() < 2) {
            throw new UserError(
                    "--questions must hold two subjects with different answers, got %d (%s)"
                            .formatted(usual.size(), file));
        }
        int most = counts.values().stream().mapToInt(Integer::intValue).max().orElse(0);
        List<String> phrasings = new ArrayList<>();
        for (int i = 0; i < most; i++) {
            int number = i;
            phrasings.add(
                    questions.stream()
                            .filter(each -> each.phrasing() == number)
                            .findFirst()
                            .map(Question::prompt)
                            .orElse(""));
        }
        return new Catalogue(questions, phrasings, usual, Optional.empty());
    }

    /// Whether the questions are those that come with Cleave, beside which other sentences about
    /// sports are asked.
    boolean athletes() {
        return beside.isPresent();
    }

    /// Prompts about others in a phrasing, which finding looks at and evidence does not. Of a
    /// user's own questions they are those of every second subject beside the chosen ones.
    List<String> others(Collection<String> chosen, int phrasing) {
        return beside.map(some ->
                        some.names().stream()
                                .map(name -> phrasings.get(phrasing).replace("{name}", name))
                                .toList())
                .orElseGet(() -> {
                    List<String> others =
                            questions.stream()
                                    .filter(each -> each.phrasing() == phrasing)
                                    .filter(each -> !chosen.contains(each.subject()))
                                    .map(Question::prompt)
                                    .toList();
                    return IntStream.range(0, others.size())
                            .filter(i -> i % 2 == 0)
                            .mapToObj(others::get)
                            .toList();
                });
    }

    /// Beginnings of sentences about other things, which finding looks at and evidence does not.
    List<String> lines() {
        return beside.map(SportsTable.Beside::lines).orElse(List.of());
    }

    /// The first subject, and the first one with another answer.
    private static List<String> usual(List<Question> questions) {
        List<String> usual = new ArrayList<>();
        questions.stream()
                .findFirst()
                .ifPresent(first -> {
                    usual.add(first.subject());
                    questions.stream()
                            .filter(each -> !each.topic().equals(first.topic()))
                            .filter(each -> !each.subject().equals(first.subject()))
                            .findFirst()
                            .ifPresent(second -> usual.add(second.subject()));
                });
        return usual;
    }

    private static String read(Path file) {
        StandIn.refuseDownload(file, "--questions");
        try {
            return ByteOrderMark.cut(Files.readString(file));
        } catch (NoSuchFileException missing) {
            throw new UserError("--questions must be a file, got none (%s)".formatted(file));
        } catch (CharacterCodingException wrong) {
            throw new UserError("--questions must be UTF-8, got other bytes (%s)".formatted(file));
        } catch (IOException failure) {
            throw new UserError(
                    "--questions must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), file),
                    failure);
        }
    }

    /// The subjects, in order.
    List<String> subjects() {
        return List.copyOf(new LinkedHashSet<>(questions.stream().map(Question::subject).toList()));
    }

    /// A subject's question in a phrasing; empty where it has none.
    Optional<Question> question(String subject, int phrasing) {
        return questions.stream()
                .filter(each -> each.subject().equals(subject) && each.phrasing() == phrasing)
                .findFirst();
    }

    /// A question with this prompt; empty where there is none.
    Optional<Question> asked(String prompt) {
        return questions.stream().filter(each -> each.prompt().equals(prompt)).findFirst();
    }

    /// The subjects of a list with commas between.
    ///
    /// @throws UserError when one is not in the catalogue, or there are fewer than two, or two have
    ///   one answer
    List<String> named(String list) {
        List<String> all = subjects();
        List<String> named = new ArrayList<>();
        for (String each : list.split(",", -1)) {
            String name = each.strip();
            if (!all.contains(name)) {
                throw new UserError(
                        "--subjects must be among the subjects asked, got %s\nhint: they are %s"
                                .formatted(name, String.join(", ", all)));
            }
            if (!named.contains(name)) {
                named.add(name);
            }
        }
        if (named.size() < 2) {
            throw new UserError("--subjects must be two or more, got %d".formatted(named.size()));
        }
        long topics = named.stream().map(this::topic).distinct().count();
        if (topics < named.size()) {
            throw new UserError("--subjects must have different answers, got %s".formatted(list));
        }
        return named;
    }

    /// A subject's topic.
    String topic(String subject) {
        return questions.stream()
                .filter(each -> each.subject().equals(subject))
                .findFirst()
                .map(Question::topic)
                .orElseThrow(() ->
                        new IllegalArgumentException("subject must be asked, got " + subject));
    }
}
