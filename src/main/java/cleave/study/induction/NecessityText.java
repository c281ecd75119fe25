package cleave.study.induction;

import cleave.command.Tables;
import cleave.study.induction.Necessity.Fit;
import cleave.study.induction.Necessity.SiteNeed;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// What a target needs, as text.
final class NecessityText {
    private NecessityText() {}

    static String of(Necessity necessity) {
        return String.join(
                System.lineSeparator(),
                "Attention of the target, mean share over %d sequences"
                        .formatted(necessity.sample().sequences()),
                attention(necessity),
                "Refits with ideal importances (1 at the token, 0 elsewhere) under stochastic masks; subcomponents in each site: %d, V1 whole; seed %d"
                        .formatted(necessity.options().rank(), necessity.options().seed()),
                sites(necessity),
                "V1 by number of subcomponents, each fitted anew",
                copy(necessity),
                "The target's own matrices at every position, no gate, nothing fitted; accuracy"
                        + " with one cut and the others whole",
                positionFree(necessity.positionFree()),
                words(necessity));
    }

    private static String attention(Necessity necessity) {
        List<String> head = new ArrayList<>(List.of("layer and query"));
        necessity.attention().getFirst().to().keySet().forEach(key -> head.add("to " + key));
        head.add("to others");
        Tables table = new Tables(head);
        for (Necessity.Attention row : necessity.attention()) {
            List<String> cells =
                    new ArrayList<>(List.of("%d, %s".formatted(row.layer(), row.query())));
            row.to().values().forEach(share -> cells.add(Tables.mean(share)));
            cells.add(Tables.mean(row.others()));
            table.row(cells);
        }
        return table.toString();
    }

    private static String sites(Necessity necessity) {
        List<String> head =
                new ArrayList<>(
                        List.of(
                                "empty",
                                "KL",
                                "accuracy",
                                "g-masked KL",
                                "position-free KL",
                                "accuracy",
                                "needed"));
        List<String> tokens = Necessity.PAPER.values().stream().distinct().sorted().toList();
        tokens.forEach(token -> head.add("at " + token));
        head.addAll(List.of("named", "paper"));
        Tables table = new Tables(head);
        table.row(fit("none", necessity.every()));
        for (SiteNeed site : necessity.sites()) {
            List<String> cells = new ArrayList<>(fit(site.site(), site.without()));
            cells.add(site.needed() ? "yes" : "no");
            for (String token : tokens) {
                Fit at = site.at().get(token);
                cells.add(at == null ? "" : Tables.loss(at.kl()));
            }
            cells.addAll(List.of(site.named().orElse("any"), site.token()));
            table.row(cells);
        }
        if (necessity.together().size() > 1) {
            table.row(fit(names(necessity.together()), necessity.withoutThem()));
        }
        return table.toString();
    }

    private static List<String> fit(String name, Fit fit) {
        return List.of(
                name,
                Tables.loss(fit.kl()),
                Tables.percent(fit.accuracy()),
                Tables.loss(fit.importanceKl()),
                Tables.loss(fit.positionFreeKl()),
                Tables.percent(fit.positionFreeAccuracy()));
    }

    private static String positionFree(PositionFree free) {
        Tables table =
                new Tables(List.of("cut", "at zero", "needed", "at rank one", "one is enough"));
        for (PositionFree.Row row : free.rows()) {
            table.row(
                    List.of(
                            row.site(),
                            Tables.percent(row.atZero()),
                            yes(row.needed()),
                            Tables.percent(row.atRankOne()),
                            yes(row.enough())));
        }
        table.row(List.of("all but V1", "", "", Tables.percent(free.allAtRankOne())));
        table.row(List.of("nothing", "", "", Tables.percent(free.accuracy())));
        return table.toString();
    }

    private static String yes(boolean holds) {
        return holds ? "yes" : "no";
    }

    private static String copy(Necessity necessity) {
        Necessity.Copy copy = necessity.copy();
        Tables table =
                new Tables(
                        List.of(
                                "subcomponents",
                                "KL",
                                "accuracy",
                                "singular value of V1",
                                "size of outputs at m",
                                "cut, position-free"));
        copy.byRank()
                .forEach((rank, fit) ->
                        table.row(
                                List.of(
                                        rank.toString(),
                                        Tables.loss(fit.kl()),
                                        Tables.percent(fit.accuracy()),
                                        number(copy.singularValues(), rank),
                                        number(copy.sizes(), rank),
                                        Tables.percent(
                                                necessity
                                                        .positionFree()
                                                        .copyByRank()
                                                        .getOrDefault(rank, Double.NaN)))));
        return table.toString();
    }

    private static String number(List<Double> values, int rank) {
        return String.format(Locale.ROOT, "%.3f", values.get(rank - 1));
    }

    private static String words(Necessity necessity) {
        List<String> lines = new ArrayList<>();
        int all = Necessity.PAPER.size();
        lines.add(
                necessity.every().stands()
                        ? "The paper's table can stand for this target: KL %s."
                                .formatted(Tables.loss(necessity.every().kl()))
                        : "The paper's table cannot stand for this target: with content in every site at its token KL is %s, above %s."
                                .formatted(
                                        Tables.loss(necessity.every().kl()),
                                        Tables.loss(Necessity.SMALL_KL)));
        lines.add(
                "Needed by themselves: %s, %d of the %d."
                        .formatted(names(necessity.needed()), necessity.needed().size(), all));
        lines.add(
                "Without content at once: %s; then %d of the %d rows remain."
                        .formatted(
                                names(necessity.together()),
                                all - necessity.together().size(),
                                all));
        lines.add(
                necessity.copy().neededRank().isPresent()
                        ? "V1 needs %d subcomponents."
                                .formatted(necessity.copy().neededRank().getAsInt())
                        : "No number of subcomponents of V1 is enough.");
        PositionFree free = necessity.positionFree();
        lines.add(
                "Position-free: needed are %s, %d of the %d; %s%s."
                        .formatted(
                                names(free.needed()),
                                free.needed().size(),
                                all,
                                free.copyRank().isPresent()
                                        ? "V1 needs rank %d".formatted(free.copyRank().getAsInt())
                                        : "V1 is not enough at any rank",
                                free.isWholeTable()
                                        ? "; every row of the paper's table is needed, and one piece in each of the first five is enough"
                                        : ""));
        return lines.stream()
                .collect(Collectors.joining(System.lineSeparator(), "", System.lineSeparator()));
    }

    private static String names(List<String> sites) {
        return sites.isEmpty() ? "none" : String.join(", ", sites);
    }
}
