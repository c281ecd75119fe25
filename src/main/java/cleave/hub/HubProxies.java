package cleave.hub;

import cleave.config.UserError;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/// What connections to the hub go through, by the environment variables that other tools go by:
/// `HTTPS_PROXY` and `HTTP_PROXY`, or else `ALL_PROXY`, and `NO_PROXY` for hosts that are reached
/// directly. Names in small letters count first.
///
/// @param byScheme the proxy's address for `http` and `https`; where one is missing, Java's own
///   settings decide
/// @param direct hosts without a proxy: a name stands for all names below it as well, `*` for every
///   host, and a port may follow
record HubProxies(SortedMap<String, URI> byScheme, List<String> direct) {
    /// No variable is set.
    static final HubProxies NONE = new HubProxies(new TreeMap<>(), List.of());

    /// Keeps copies.
    HubProxies {
        byScheme = Collections.unmodifiableSortedMap(new TreeMap<>(byScheme));
        direct = List.copyOf(direct);
    }

    /// What the variables say.
    ///
    /// @param environment variables by name
    /// @throws UserError when one names a proxy that is not spoken to by HTTP
    static HubProxies of(Map<String, String> environment) {
        SortedMap<String, URI> proxies = new TreeMap<>();
        for (String scheme : List.of("http", "https")) {
            Stream.of(scheme + "_proxy", "all_proxy")
                    .filter(name -> given(environment, name).isPresent())
                    .findFirst()
                    .ifPresent(name ->
                            proxies.put(
                                    scheme, address(name, given(environment, name).orElseThrow())));
        }
        return new HubProxies(
                proxies,
                given(environment, "no_proxy").stream()
                        .flatMap(list -> Stream.of(list.split(",", -1)))
                        .map(host -> host.strip().toLowerCase(Locale.ROOT))
                        .filter(host -> !host.isEmpty())
                        .toList());
    }

    private static Optional<String> given(Map<String, String> environment, String name) {
        return Stream.of(name, name.toUpperCase(Locale.ROOT))
                .flatMap(each -> Optional.ofNullable(environment.get(each)).stream())
                .map(String::strip)
                .filter(text -> !text.isEmpty())
                .findFirst();
    }

    private static URI address(String name, String text) {
        try {
            URI address = new URI(text.contains("://") ? text : "http://" + text);
            boolean plain =
                    "http".equals(address.getScheme())
                            && address.getHost() != null
                            && address.getUserInfo() == null;
            if (plain) {
                return address;
            }
        } catch (URISyntaxException malformed) {
            // refused below, without what may be a password
        }
        throw new UserError(
                "%s must be http://host:port, without name and password, got another proxy"
                        .formatted(name.toUpperCase(Locale.ROOT)));
    }

    /// Chooses by these, and by Java's own settings where they say nothing.
    ProxySelector selector() {
        return new ProxySelector() {
            @Override
            public List<Proxy> select(URI to) {
                URI proxy = byScheme.get(String.valueOf(to.getScheme()));
                if (proxy == null) {
                    ProxySelector own = ProxySelector.getDefault();
                    return own == null ? List.of(Proxy.NO_PROXY) : own.select(to);
                }
                return isDirect(to)
                        ? List.of(Proxy.NO_PROXY)
                        : List.of(
                                new Proxy(
                                        Proxy.Type.HTTP,
                                        InetSocketAddress.createUnresolved(
                                                proxy.getHost(),
                                                proxy.getPort() < 0 ? 80 : proxy.getPort())));
            }

            @Override
            public void connectFailed(URI to, SocketAddress proxy, IOException failure) {
                // the request fails as well, and says so
            }
        };
    }

    private boolean isDirect(URI to) {
        String host = String.valueOf(to.getHost()).toLowerCase(Locale.ROOT);
        int port = to.getPort() >= 0 ? to.getPort() : "https".equals(to.getScheme()) ? 443 : 80;
        return direct.stream()
                .anyMatch(each -> {
                    String end = ":" + port;
                    String name =
                            each.endsWith(end)
                                    ? each.substring(0, each.length() - end.length())
                                    : each;
                    String bare = name.replaceFirst("^\\*?\\.", "");
                    return name.equals("*") || host.equals(bare) || host.endsWith("." + bare);
                });
    }
}
