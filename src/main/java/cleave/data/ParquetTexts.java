package cleave.data;

import cleave.config.StandIn;
import cleave.config.UserError;
import dev.hardwood.HardwoodContext;
import dev.hardwood.InputFile;
import dev.hardwood.metadata.CompressionCodec;
import dev.hardwood.metadata.FileMetaData;
import dev.hardwood.metadata.LogicalType;
import dev.hardwood.reader.ColumnReader;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.schema.ColumnSchema;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The texts of a Parquet file, the form in which data sets on Hugging Face are stored: those of
/// its column `text`, or of the only column of strings that it has. Some rows at a time are in
/// memory.
public final class ParquetTexts implements AutoCloseable {
    private static final String TEXT = "text";
    private static final int ROWS = 256; // in memory
    private static final int DEEPEST = 16; // causes of a failure that are looked at
    private static final Set<CompressionCodec> READ =
            Set.of(
                    CompressionCodec.UNCOMPRESSED,
                    CompressionCodec.SNAPPY,
                    CompressionCodec.GZIP,
                    CompressionCodec.ZSTD);

    private final Path file;
    private final HardwoodContext context;
    private final ParquetFileReader opened;
    private final ColumnReader column;
    private @Nullable String[] texts = {};
    private int count;
    private int at;

    private ParquetTexts(
            Path file, HardwoodContext context, ParquetFileReader opened, ColumnReader column) {
        this.file = file;
        this.context = context;
        this.opened = opened;
        this.column = column;
    }

    /// Whether a file is one by its name.
    public static boolean is(Path file) {
        return file.toString().endsWith(".parquet");
    }

    /// Opens a file.
    ///
    /// @throws UserError when it is no Parquet file, has no texts, or is packed in a way that is
    ///   not read
    public static ParquetTexts open(Path file) {
        StandIn.refuse(file, "Parquet file");
        HardwoodContext context = HardwoodContext.create(1);
        @Nullable ParquetFileReader opened = null;
        try {
            opened = ParquetFileReader.open(InputFile.of(file), context);
            ColumnSchema column = column(opened.getFileSchema().getColumns(), file);
            checkCodec(opened.getFileMetaData(), column.columnIndex(), file);
            return new ParquetTexts(
                    file,
                    context,
                    opened,
                    opened.buildColumnReader(column.columnIndex()).batchSize(ROWS).build());
        } catch (IOException | RuntimeException failure) {
            close(context, opened);
            throw failure instanceof UserError refused ? refused : unreadable(file, failure);
        }
    }

    private static ColumnSchema column(List<ColumnSchema> columns, Path file) {
        List<ColumnSchema> strings =
                columns.stream()
                        .filter(each -> each.logicalType() instanceof LogicalType.StringType)
                        .filter(each -> each.maxRepetitionLevel() == 0)
                        .toList();
        return strings.stream()
                .filter(each -> each.fieldPath().toString().equals(TEXT))
                .findFirst()
                .or(() -> strings.stream().filter(_ -> strings.size() == 1).findFirst())
                .orElseThrow(() ->
                        UserError.withHints(
                                "Parquet file must have strings in a column text, or in one column alone, got %s (%s)"
                                        .formatted(
                                                columns.stream()
                                                        .map(ParquetTexts::described)
                                                        .collect(Collectors.joining(", ")),
                                                file),
                                "rename the column to text, in Python with Dataset.rename_column(NAME, \"text\").to_parquet(FILE)"));
    }

    private static String described(ColumnSchema column) {
        String kind =
                column.logicalType() instanceof LogicalType.StringType
                        ? column.maxRepetitionLevel() == 0 ? "strings" : "lists of strings"
                        : String.valueOf(column.type());
        return "%s: %s".formatted(column.fieldPath(), kind);
    }

    private static void checkCodec(FileMetaData data, int column, Path file) {
        data.rowGroups().stream()
                .map(group -> group.columns().get(column).metaData().codec())
                .filter(codec -> !READ.contains(codec))
                .findFirst()
                .ifPresent(codec -> {
                    throw UserError.withHints(
                            "Parquet file must be packed with snappy, gzip or zstd, or not at all, got %s (%s)"
                                    .formatted(codec, file),
                            "Dataset.to_parquet(FILE) writes it anew in Python");
                });
    }

    /// The next text, empty where the row has none; null after the last.
    ///
    /// @throws UserError when the file is damaged
    public @Nullable String next() {
        try {
            while (at == count) {
                if (!column.nextBatch()) {
                    return null;
                }
                texts = column.getStrings();
                count = column.getRecordCount();
                at = 0;
            }
        } catch (RuntimeException damaged) {
            throw unreadable(file, damaged);
        }
        return Objects.requireNonNullElse(texts[at++], "");
    }

    private static UserError unreadable(Path file, Exception failure) {
        Throwable cause = failure;
        for (int depth = 0; depth < DEEPEST && cause.getCause() != null; depth++) {
            cause = cause.getCause();
        }
        String reason =
                cause instanceof IOException known
                        ? UserError.reason(known)
                        : Objects.requireNonNullElse(
                                cause.getMessage(), cause.getClass().getSimpleName());
        return new UserError(
                "Parquet file must be readable, got %s (%s)".formatted(reason, file), failure);
    }

    private static void close(HardwoodContext context, @Nullable ParquetFileReader opened) {
        try {
            if (opened != null) {
                opened.close();
            }
        } catch (IOException ignored) {
            // What was read of it stays right.
        } finally {
            context.close();
        }
    }

    @Override
    public void close() {
        column.close();
        close(context, opened);
    }
}
