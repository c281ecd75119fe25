package cleave.hub;

import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/// A model's folder in the cache that Hugging Face's own tools keep, in their layout: `blobs/ETAG`
/// holds each content once, `snapshots/COMMIT/FILE` links to it, `refs/REVISION` says the commit of
/// a branch or tag, and `.no_exist/COMMIT/FILE` that a commit has no such file.
record HubCache(Path cache, HubName name) {

    private Path folder() {
        return cache.resolve("models--" + name.model().replace("/", "--"));
    }

    /// The folder of contents.
    Path blobs() {
        return folder().resolve("blobs");
    }

    /// Where a content of this tag is, or goes.
    Path blob(String tag) {
        return blobs().resolve(tag);
    }

    /// What is locked while a content is fetched.
    Path lock(String tag) {
        return cache.resolve(".locks").resolve(folder().getFileName()).resolve(tag + ".lock");
    }

    /// The folder of a commit's files.
    Path snapshot(String commit) {
        return folder().resolve("snapshots").resolve(commit);
    }

    /// The commit that the name's revision stands for, as far as the cache knows.
    Optional<String> commit() throws IOException {
        Path ref = folder().resolve("refs").resolve(name.revision());
        if (name.isPinned()) {
            return Optional.of(name.revision());
        }
        return Files.isRegularFile(ref)
                ? Optional.of(Files.readString(ref).strip())
                        .filter(commit -> commit.matches("[0-9a-f]{40}"))
                : Optional.empty();
    }

    /// Makes a file of a commit be the content of a tag: a link to it, as Hugging Face's tools
    /// make, or a copy where the file system has no links, as theirs do too.
    void link(String commit, String file, String tag) throws IOException {
        Path link = snapshot(commit).resolve(file);
        Path folder = link.resolveSibling("");
        Files.createDirectories(folder);
        Files.deleteIfExists(link);
        try {
            Files.createSymbolicLink(link, folder.relativize(blob(tag)));
        } catch (UnsupportedOperationException | IOException noLinks) {
            Files.copy(blob(tag), link);
        }
    }

    /// Notes the commit of the revision, unless it is one.
    void refer(String commit) throws IOException {
        if (!name.isPinned()) {
            Path ref = folder().resolve("refs").resolve(name.revision());
            Files.createDirectories(ref.resolveSibling(""));
            AtomicFile.write(ref, commit);
        }
    }

    /// Notes that a commit has no such file.
    void noteAbsent(String commit, String file) throws IOException {
        Path mark = absent(commit, file);
        Files.createDirectories(mark.resolveSibling(""));
        if (!Files.exists(mark)) {
            Files.createFile(mark);
        }
    }

    private Path absent(String commit, String file) {
        return folder().resolve(".no_exist").resolve(commit).resolve(file);
    }

    /// What of a model is there.
    ///
    /// @param place the folder or the GGUF file that stands for it
    /// @param whole whether its tokenizer is there too, or known to be none
    record Found(Path place, boolean whole) {}

    /// The model, when its configuration and all its weights are there.
    Optional<Found> find() throws IOException {
        Optional<String> commit = commit();
        if (commit.isEmpty() || !Files.isDirectory(snapshot(commit.get()))) {
            return Optional.empty();
        }
        Path snapshot = snapshot(commit.get());
        if (name.file().isPresent()) {
            Path file = snapshot.resolve(name.file().get());
            return Files.isRegularFile(file)
                    ? Optional.of(new Found(file, true))
                    : Optional.empty();
        }
        Path weights = WeightFiles.in(snapshot);
        if (!Gguf.is(weights) && Files.isRegularFile(weights)) {
            boolean complete =
                    HuggingFace.isModel(snapshot)
                            && WeightFiles.of(weights).stream().allMatch(Files::isRegularFile);
            boolean tokenizer =
                    Stream.of("tokenizer.json", "vocab.json")
                                    .anyMatch(file -> Files.isRegularFile(snapshot.resolve(file)))
                            || Files.exists(absent(commit.get(), "tokenizer.json"));
            return complete ? Optional.of(new Found(snapshot, tokenizer)) : Optional.empty();
        }
        // Whether there are more, and which of them is meant, only the hub knows.
        return Gguf.is(weights)
                ? Optional.of(new Found(weights, Files.exists(absent(commit.get(), Model.WEIGHTS))))
                : Optional.empty();
    }
}
