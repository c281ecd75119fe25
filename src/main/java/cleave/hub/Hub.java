package cleave.hub;

import cleave.config.UserError;
import cleave.hub.HubClient.Description;
import cleave.hub.HubClient.Listing;
import cleave.text.Tokenizers;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/// Models by their names on Hugging Face's hub, such as `hf:HuggingFaceTB/SmolLM2-135M`.
///
/// A model that is in the cache is used as it is, without the network. Of another one, only the
/// files that are read are fetched: configuration, weights, tokenizer. What was fetched before an
/// interruption is not fetched again; a file counts once its size and checksum are right. Nothing
/// that is fetched is executed.
public final class Hub {
    private static final int TRIES = 5; // that bring no byte
    private static final List<String> PICKLES = List.of(".bin", ".pt", ".pth", ".ckpt");

    private static volatile Listener listener = new Listener() {};

    private final HubSettings settings;
    private final Listener told;
    private final ToLongFunction<Path> room;
    private final HubClient.Waits waits;

    /// Hears of downloads.
    public interface Listener {
        /// Something a person should know.
        default void note(String line) {}

        /// How much of a file is here.
        ///
        /// @param file its name in the model
        /// @param done bytes that are here
        /// @param size bytes it has
        default void progress(String file, long done, long size) {}
    }

    Hub(HubSettings settings, Listener told, ToLongFunction<Path> room, HubClient.Waits waits) {
        this.settings = settings;
        this.told = told;
        this.room = room;
        this.waits = waits;
    }

    /// Says who hears of the downloads of this process.
    public static void listen(Listener to) {
        listener = to;
    }

    /// The folder or file on this machine that a path stands for: the path itself, or, for a name
    /// that begins with `hf:`, the model in the cache, which is fetched where it is not there.
    ///
    /// @throws UserError when the name is none, or the hub does not hand the model out
    /// @throws UncheckedIOException when the hub cannot be reached, or the files not be written
    public static Path local(Path path) {
        if (!HubName.is(path)) {
            return path;
        }
        Hub hub =
                new Hub(
                        HubSettings.of(System.getenv(), Path.of(System.getProperty("user.home"))),
                        listener,
                        Hub::usable,
                        new HubClient.Waits(Duration.ofSeconds(1), Duration.ofSeconds(60)));
        try {
            return hub.get(HubName.of(path.toString()));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /// Whether a path is a name on the hub rather than a place on this machine.
    public static boolean isName(Path path) {
        return HubName.is(path);
    }

    private static long usable(Path folder) {
        try {
            return Files.getFileStore(folder).getUsableSpace();
        } catch (IOException unknown) {
            return Long.MAX_VALUE;
        }
    }

    /// The model's folder or GGUF file in the cache.
    Path get(HubName name) throws IOException {
        HubCache cache = new HubCache(settings.cache(), name);
        Optional<HubCache.Found> found = cache.find();
        if (found.isPresent() && (found.get().whole() || settings.offline())) {
            return found.get().place();
        }
        if (settings.offline()) {
            throw UserError.withHints(
                    "%s must be in the cache while HF_HUB_OFFLINE is set, got nothing in %s"
                            .formatted(name, settings.cache()),
                    "unset HF_HUB_OFFLINE to fetch it");
        }
        try (HubClient client = new HubClient(settings, name, waits)) {
            return fetch(client, cache, name);
        } catch (HubClient.Unreachable offline) {
            if (found.isPresent()) {
                told.note(
                        "the hub cannot be reached; what the cache has of %s is used"
                                .formatted(name));
                return found.get().place();
            }
            throw offline;
        }
    }

    private Path fetch(HubClient client, HubCache cache, HubName name) throws IOException {
        Listing listing = client.list();
        if (!listing.model().equals(name.model())) {
            told.note("%s is called hf:%s now".formatted(name, listing.model()));
        }
        List<String> wanted = new ArrayList<>(wanted(name, listing.files()));
        Path snapshot = cache.snapshot(listing.commit());
        if (wanted.contains(WeightFiles.INDEX)) {
            fetch(client, cache, listing, List.of(WeightFiles.INDEX));
            List<Path> files = WeightFiles.of(snapshot.resolve(WeightFiles.INDEX));
            files.stream().skip(1).map(file -> file.getFileName().toString()).forEach(wanted::add);
        }
        fetch(client, cache, listing, wanted);
        cache.refer(listing.commit());
        if (wanted.stream().noneMatch(file -> file.equals("tokenizer.json"))) {
            cache.noteAbsent(listing.commit(), "tokenizer.json");
        }
        String first = wanted.getFirst();
        if (first.endsWith(Gguf.ENDING)) {
            cache.noteAbsent(listing.commit(), Model.WEIGHTS);
            return snapshot.resolve(first);
        }
        return snapshot;
    }

    /// Which of a model's files are read; a GGUF file stands alone.
    private static List<String> wanted(HubName name, List<String> files) {
        if (name.file().isPresent()) {
            if (!files.contains(name.file().get())) {
                throw noFile(name, files);
            }
            return List.of(name.file().get());
        }
        boolean whole = files.contains(Model.WEIGHTS);
        if (files.contains(HuggingFace.CONFIG) && (whole || files.contains(WeightFiles.INDEX))) {
            return Stream.concat(
                            Stream.of(
                                    HuggingFace.CONFIG, whole ? Model.WEIGHTS : WeightFiles.INDEX),
                            Tokenizers.names().stream().filter(files::contains))
                    .toList();
        }
        List<String> ggufs =
                files.stream()
                        .filter(file -> file.endsWith(Gguf.ENDING) && !file.contains("/"))
                        .toList();
        if (ggufs.size() == 1) {
            return ggufs;
        }
        if (ggufs.size() > 1) {
            throw noFile(name, files);
        }
        Optional<String> pickle =
                files.stream()
                        .filter(file -> PICKLES.stream().anyMatch(file::endsWith))
                        .findFirst();
        if (pickle.isPresent()) {
            throw ModelFiles.pickle(pickle.get(), name.model());
        }
        throw new UserError(
                "%s must have %s and %s, or a GGUF file, got %s"
                        .formatted(name, HuggingFace.CONFIG, Model.WEIGHTS, files));
    }

    private static UserError noFile(HubName name, List<String> files) {
        return UserError.withHints(
                "%s must name one of the model's GGUF files"
                                .formatted(new HubName(name.model(), Optional.empty(), "main"))
                        + ", got "
                        + name.file().orElse("none of them"),
                "as in hf:%s/FILE; it has %s"
                        .formatted(
                                name.model(),
                                files.stream()
                                        .filter(file -> file.endsWith(Gguf.ENDING))
                                        .toList()));
    }

    private void fetch(HubClient client, HubCache cache, Listing listing, List<String> files)
            throws IOException {
        Map<String, Description> missing = new LinkedHashMap<>();
        long bytes = 0;
        for (String file : files) {
            if (Files.exists(cache.snapshot(listing.commit()).resolve(file))) {
                continue;
            }
            Description description = client.describe(listing.model(), listing.commit(), file);
            missing.put(file, description);
            Path blob = cache.blob(description.tag());
            if (!Files.exists(blob)) {
                bytes += Math.max(0, description.size() - size(part(blob)));
            }
        }
        if (missing.isEmpty()) {
            return;
        }
        Files.createDirectories(cache.blobs());
        long usable = room.applyAsLong(cache.blobs());
        if (usable < bytes) {
            throw new IOException(
                    "disk of the cache must have room for %d bytes, got %d (%s)\nhint: HF_HUB_CACHE names a folder on another disk"
                            .formatted(bytes, usable, settings.cache()));
        }
        for (Map.Entry<String, Description> file : missing.entrySet()) {
            String tag = file.getValue().tag();
            Files.createDirectories(cache.lock(tag).resolveSibling(""));
            try (FileChannel lock =
                            FileChannel.open(
                                    cache.lock(tag),
                                    StandardOpenOption.CREATE,
                                    StandardOpenOption.WRITE);
                    FileLock _ = lock.lock()) {
                if (!Files.exists(cache.blob(tag))) {
                    download(client, cache, listing, file.getKey(), file.getValue());
                }
                cache.link(listing.commit(), file.getKey(), tag);
            }
        }
    }

    private static Path part(Path blob) {
        return blob.resolveSibling(blob.getFileName() + ".incomplete");
    }

    private static long size(Path file) throws IOException {
        return Files.exists(file) ? Files.size(file) : 0;
    }

    /// Fetches a content, going on after whatever is there of it, and puts it in its place once its
    /// checksum is right.
    private void download(
            HubClient client, HubCache cache, Listing listing, String file, Description wanted)
            throws IOException {
        Path blob = cache.blob(wanted.tag());
        Path part = part(blob);
        try (FileChannel channel =
                FileChannel.open(
                        part,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE)) {
            if (channel.size() > wanted.size()) {
                channel.truncate(0);
            }
            int fruitless = 0;
            for (long before = channel.size(); channel.size() < wanted.size(); ) {
                Optional<IOException> cut = attempt(client, listing, file, wanted, channel);
                fruitless = channel.size() > before ? 0 : fruitless + 1;
                before = channel.size();
                if (before < wanted.size() && fruitless == TRIES) {
                    throw new IOException(
                            "download of %s must go on, got %s at byte %d of %d\nhint: run again to go on from there"
                                    .formatted(
                                            file,
                                            cut.map(Throwable::getMessage).orElse("its end"),
                                            before,
                                            wanted.size()));
                }
                if (before < wanted.size() && fruitless > 0) {
                    client.sleep();
                }
            }
            try {
                channel.force(true);
            } catch (IOException full) {
                throw unwritable(part, wanted, full);
            }
        }
        String digest = ContentTag.of(part, wanted.tag().length());
        if (!digest.equals(wanted.tag())) {
            Files.delete(part);
            throw new IOException(
                    "checksum of %s must be %s, got %s, and what was fetched is removed (%s)\nhint: run again"
                            .formatted(file, wanted.tag(), digest, settings.endpoint()));
        }
        Files.move(part, blob, StandardCopyOption.ATOMIC_MOVE);
    }

    /// Asks for the rest of a file once, and writes what comes.
    ///
    /// @return what ended it too early; empty when nothing did
    private Optional<IOException> attempt(
            HubClient client, Listing listing, String file, Description wanted, FileChannel channel)
            throws IOException {
        long have = channel.size();
        HttpResponse<InputStream> response;
        try {
            response = client.bytes(listing.model(), listing.commit(), file, have);
        } catch (HubClient.Unreachable away) {
            return Optional.of(away.failure());
        }
        try (InputStream body = response.body()) {
            boolean goesOn =
                    response.statusCode() == 206
                            && response.headers()
                                    .firstValue("content-range")
                                    .filter(range -> range.startsWith("bytes " + have + "-"))
                                    .isPresent();
            if (!goesOn) {
                channel.truncate(0);
            }
            if (!goesOn && response.statusCode() != 200) {
                return Optional.empty(); // asked again, from the first byte
            }
            byte[] buffer = new byte[1 << 16];
            for (long at = goesOn ? have : 0; at < wanted.size(); ) {
                int count;
                try {
                    count = body.read(buffer);
                } catch (IOException cut) {
                    return Optional.of(cut);
                }
                if (count < 0) {
                    return Optional.empty();
                }
                int used = (int) Math.min(count, wanted.size() - at);
                write(channel, ByteBuffer.wrap(buffer, 0, used), at, wanted);
                at += used;
                told.progress(file, at, wanted.size());
            }
            return Optional.empty();
        }
    }

    private void write(FileChannel channel, ByteBuffer bytes, long at, Description wanted)
            throws IOException {
        try {
            for (long to = at; bytes.hasRemaining(); ) {
                to += channel.write(bytes, to);
            }
        } catch (IOException full) {
            throw unwritable(settings.cache(), wanted, full);
        }
    }

    private IOException unwritable(Path place, Description wanted, IOException failure) {
        return new IOException(
                "cache must take a file of %d bytes, got %s (%s, %d bytes usable)\nhint: HF_HUB_CACHE names a folder on another disk; what is there is kept"
                        .formatted(
                                wanted.size(),
                                failure.getMessage(),
                                place,
                                room.applyAsLong(settings.cache())),
                failure);
    }
}
