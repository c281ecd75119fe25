package cleave.hub;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Where the hub is and where its files are kept, by the environment variables that Hugging Face's
/// own tools go by.
///
/// @param endpoint address of the hub, without a slash at its end (`HF_ENDPOINT`)
/// @param cache folder of files that were fetched (`HF_HUB_CACHE`, or `hub` in `HF_HOME`)
/// @param token that says who asks (`HF_TOKEN`)
/// @param offline whether the network is not to be used (`HF_HUB_OFFLINE`)
/// @param proxies what connections go through (`HTTPS_PROXY`, `NO_PROXY`)
record HubSettings(
        String endpoint, Path cache, Optional<String> token, boolean offline, HubProxies proxies) {
    /// The public hub: the one place that names it.
    static final String PUBLIC = "https://huggingface.co";

    private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");

    /// Settings without a proxy.
    HubSettings(String endpoint, Path cache, Optional<String> token, boolean offline) {
        this(endpoint, cache, token, offline, HubProxies.NONE);
    }

    /// What the variables say.
    ///
    /// @param environment variables by name
    /// @param home the user's folder
    static HubSettings of(Map<String, String> environment, Path home) {
        String endpoint = given(environment, "HF_ENDPOINT").orElse(PUBLIC);
        Path cache =
                given(environment, "HF_HUB_CACHE")
                        .map(text -> expanded(text, home))
                        .orElseGet(() -> home(environment, home).resolve("hub"));
        boolean offline =
                given(environment, "HF_HUB_OFFLINE")
                        .map(text -> TRUE.contains(text.toUpperCase(Locale.ROOT)))
                        .orElse(false);
        return new HubSettings(
                endpoint.replaceAll("/+$", ""),
                cache,
                given(environment, "HF_TOKEN"),
                offline,
                HubProxies.of(environment));
    }

    private static Path home(Map<String, String> environment, Path home) {
        return given(environment, "HF_HOME")
                .map(text -> expanded(text, home))
                .orElseGet(() ->
                        given(environment, "XDG_CACHE_HOME")
                                .map(text -> expanded(text, home))
                                .orElseGet(() -> home.resolve(".cache"))
                                .resolve("huggingface"));
    }

    private static Path expanded(String text, Path home) {
        return text.equals("~") || text.startsWith("~/")
                ? home.resolve(text.substring(Math.min(2, text.length())))
                : Path.of(text);
    }

    private static Optional<String> given(Map<String, String> environment, String name) {
        return Optional.ofNullable(environment.get(name))
                .map(String::strip)
                .filter(text -> !text.isEmpty());
    }

    /// Leaves the token out.
    @Override
    public String toString() {
        return endpoint + " kept in " + cache;
    }
}
