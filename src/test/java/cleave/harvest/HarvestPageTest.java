package cleave.harvest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// `docs/reference/harvest.md` names every key that a harvest writes.
class HarvestPageTest {
    @Test
    void thePageNamesEveryKeyOfAHarvest() throws IOException {
        String page = Files.readString(Path.of("docs", "reference", "harvest.md"));
        Stream<Class<?>> lines =
                Stream.of(
                        HarvestFolder.Index.class,
                        HarvestFolder.PieceLine.class,
                        HarvestFolder.Tokens.class,
                        HarvestFolder.TokenLine.class,
                        HarvestFolder.PartnerLine.class,
                        HarvestFolder.EndsLine.class,
                        HarvestFolder.CosineLine.class,
                        HarvestFolder.ExamplesLine.class,
                        HarvestFolder.ExampleLine.class);
        List<String> keys =
                lines.flatMap(type -> Arrays.stream(type.getRecordComponents()))
                        .map(RecordComponent::getName)
                        .map(name ->
                                name.replaceAll("([a-z])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT))
                        .distinct()
                        .toList();
        assertThat(keys).allSatisfy(key -> assertThat(page).contains("`" + key + "`"));
    }
}
