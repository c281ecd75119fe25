package cleave.hub;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// Writes the bytes of GGUF files one after the other, wrong ones too.
final class GgufBytes {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    /// Begins a file of version 3.
    static GgufBytes of(long tensors, long settings) {
        return new GgufBytes().raw("GGUF").number(3).big(tensors).big(settings);
    }

    GgufBytes raw(String text) {
        bytes.writeBytes(text.getBytes(StandardCharsets.UTF_8));
        return this;
    }

    GgufBytes number(int number) {
        bytes.writeBytes(
                ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(number).array());
        return this;
    }

    GgufBytes big(long number) {
        bytes.writeBytes(
                ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(number).array());
        return this;
    }

    GgufBytes text(String text) {
        return big(text.getBytes(StandardCharsets.UTF_8).length).raw(text);
    }

    /// A setting whose value is a text.
    GgufBytes setting(String key, String value) {
        return text(key).number(8).text(value);
    }

    /// The description of a tensor.
    GgufBytes tensor(String name, int kind, long offset, long... sizes) {
        text(name).number(sizes.length);
        for (long size : sizes) {
            big(size);
        }
        return number(kind).big(offset);
    }

    /// Zeros up to the next multiple of 32, then so many more.
    GgufBytes data(int length) {
        bytes.writeBytes(new byte[(32 - bytes.size() % 32) % 32 + length]);
        return this;
    }

    Path write(Path folder) throws IOException {
        return Files.write(folder.resolve("made.gguf"), bytes.toByteArray());
    }
}
