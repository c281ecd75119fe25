import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.commonmark.Extension;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.Heading;
import org.commonmark.node.Image;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.node.SoftLineBreak;
import org.commonmark.node.Text;
import org.commonmark.parser.Parser;
import org.commonmark.renderer.html.AttributeProvider;
import org.commonmark.renderer.html.HtmlRenderer;

/// Makes the texts of a checkout into a static site: `bin/site [FOLDER]`.
///
/// `README.md` becomes `index.html`, every page under `docs/` and the other pages that are linked
/// become HTML under their own path, and what else they link to is copied. Links are relative, so
/// the folder may be opened from the disk or served from anywhere. The folder needs nothing from
/// elsewhere: no scripts, no fonts.
///
/// Its arguments are the checkout and the folder to write.
final class Site {
    private static final List<String> FIRST = List.of("README.md", "CONTRIBUTING.md", "CHANGELOG.md");
    private static final List<Extension> EXTENSIONS = List.of(TablesExtension.create());
    private static final Parser PARSER = Parser.builder().extensions(EXTENSIONS).build();
    private static final String STYLE =
            """
            :root { color-scheme: light dark; --line: #8886; --code: #8882; }
            body { margin: 0; font: 16px/1.5 system-ui, sans-serif; display: flex; flex-wrap: wrap; }
            nav { flex: 0 0 13rem; padding: 1rem; border-right: 1px solid var(--line); font-size: 14px; }
            nav a { display: block; padding: .1rem 0; text-decoration: none; }
            nav b { display: block; margin-top: .8rem; }
            main { flex: 1 1 30rem; max-width: 60rem; min-width: 0; padding: 1rem 2rem; }
            pre, code { font: 14px/1.4 ui-monospace, monospace; background: var(--code); }
            pre { padding: .7rem; overflow-x: auto; } pre code { background: none; }
            table { border-collapse: collapse; display: block; overflow-x: auto; }
            th, td { border: 1px solid var(--line); padding: .2rem .6rem; text-align: left; vertical-align: top; }
            img { max-width: 100%; }
            """;

    private final Path root;
    private final Path out;
    private final Map<Path, String> titles = new HashMap<>();
    private final List<Path> pages = new ArrayList<>();
    private final Set<Path> others = new TreeSet<>();

    private Site(Path root, Path out) {
        this.root = root.toAbsolutePath().normalize();
        this.out = out.toAbsolutePath().normalize();
    }

    public static void main(String[] arguments) throws IOException {
        Site site = new Site(Path.of(arguments[0]), Path.of(arguments[1]));
        site.write();
        IO.println(site.out.resolve("index.html"));
    }

    private void write() throws IOException {
        FIRST.stream().map(Path::of).forEach(pages::add);
        try (Stream<Path> docs = Files.walk(root.resolve("docs"))) {
            docs.filter(Site::isPage).map(root::relativize).sorted().forEach(pages::add);
        }
        for (int i = 0; i < pages.size(); i++) { // it grows by the pages that are linked
            Node tree = parse(pages.get(i));
            titles.put(pages.get(i), title(tree));
            find(pages.get(i), tree);
        }
        for (Path page : pages) {
            Path file = out.resolve(html(page));
            Files.createDirectories(file.getParent());
            Files.writeString(file, whole(page));
        }
        for (Path other : others) {
            copy(other);
        }
    }

    private static boolean isPage(Path file) {
        return file.toString().endsWith(".md");
    }

    private Node parse(Path page) throws IOException {
        return PARSER.parse(Files.readString(root.resolve(page)));
    }

    /// Takes up the files of the checkout that a page links to.
    private void find(Path page, Node tree) {
        links(tree, target -> {
            if (isOutside(target) || target.startsWith("#")) {
                return target;
            }
            Path file = resolve(page, target);
            if (Files.exists(root.resolve(file)) && !isPage(file)) {
                others.add(file);
            } else if (Files.exists(root.resolve(file)) && !pages.contains(file)) {
                pages.add(file);
            }
            return target;
        });
    }

    private static boolean isOutside(String target) {
        return target.matches("[a-z]+:.*");
    }

    private static Path resolve(Path page, String target) {
        String name = target.replaceFirst("#.*", "");
        return page.resolveSibling(name).normalize();
    }

    /// The page's name on the site.
    private static Path html(Path page) {
        String name = page.toString();
        return name.equals("README.md")
                ? Path.of("index.html")
                : Path.of(name.replaceFirst("\\.md$", ".html"));
    }

    private String whole(Path page) throws IOException {
        Node tree = parse(page);
        links(tree, target -> {
            if (isOutside(target) || target.startsWith("#")) {
                return target;
            }
            Path file = resolve(page, target);
            String anchor = target.contains("#") ? target.substring(target.indexOf('#')) : "";
            if (pages.contains(file)) {
                return relative(page, html(file)) + anchor;
            }
            return Files.isDirectory(root.resolve(file))
                    ? relative(page, file.resolve("index.html"))
                    : target;
        });
        HtmlRenderer renderer =
                HtmlRenderer.builder()
                        .extensions(EXTENSIONS)
                        .attributeProviderFactory(_ -> Site::anchor)
                        .build();
        return framed(page, titles.get(page), renderer.render(tree));
    }

    private String framed(Path page, String title, String body) {
        return """
                <!DOCTYPE html>
                <html lang="en">
                <head>
                <meta charset="utf-8">
                <meta name="viewport" content="width=device-width, initial-scale=1">
                <title>%s</title>
                <style>
                %s</style>
                </head>
                <body>
                <nav>
                %s</nav>
                <main>
                %s</main>
                </body>
                </html>
                """
                .formatted(escaped(title), STYLE, navigation(page), body);
    }

    private String navigation(Path page) {
        StringBuilder text = new StringBuilder();
        group(text, page, "Cleave", each -> each.getNameCount() == 1);
        group(text, page, "Guides", each -> each.startsWith("docs") && each.getNameCount() == 2);
        group(text, page, "Reference", each -> each.startsWith("docs/reference"));
        group(text, page, "Appendix", each -> each.startsWith("docs/appendix"));
        return text.toString();
    }

    private void group(
            StringBuilder text, Path page, String name, java.util.function.Predicate<Path> which) {
        text.append("<b>%s</b>\n".formatted(name));
        pages.stream()
                .filter(which)
                .forEach(each ->
                        text.append(
                                "<a href=\"%s\">%s</a>\n"
                                        .formatted(
                                                relative(page, html(each)),
                                                escaped(titles.get(each)))));
    }

    private static String relative(Path page, Path target) {
        Path folder = Path.of("/").resolve(page).getParent();
        return folder.relativize(Path.of("/").resolve(target)).toString().replace('\\', '/');
    }

    /// GitHub's anchors: lower case, no punctuation but hyphens, a hyphen for each space.
    private static void anchor(Node node, String tag, Map<String, String> attributes) {
        if (node instanceof Heading) {
            attributes.put(
                    "id",
                    text(node).toLowerCase(Locale.ROOT)
                            .replaceAll("[^\\p{L}\\p{N}_ -]", "")
                            .replace(' ', '-'));
        }
    }

    private static String title(Node tree) {
        Node first = tree.getFirstChild();
        return first instanceof Heading ? text(first) : "";
    }

    private static String text(Node node) {
        StringBuilder text = new StringBuilder();
        node.accept(
                new AbstractVisitor() {
                    @Override
                    public void visit(Text part) {
                        text.append(part.getLiteral());
                    }

                    @Override
                    public void visit(Code part) {
                        text.append(part.getLiteral());
                    }

                    @Override
                    public void visit(SoftLineBreak part) {
                        text.append(' ');
                    }
                });
        return text.toString();
    }

    /// Puts what `change` says in the place of each link's and picture's target.
    private static void links(Node tree, java.util.function.UnaryOperator<String> change) {
        tree.accept(
                new AbstractVisitor() {
                    @Override
                    public void visit(Link link) {
                        link.setDestination(change.apply(link.getDestination()));
                        visitChildren(link);
                    }

                    @Override
                    public void visit(Image image) {
                        image.setDestination(change.apply(image.getDestination()));
                        visitChildren(image);
                    }
                });
    }

    /// A file as it is, or a list of the files in a folder.
    private void copy(Path other) throws IOException {
        Path from = root.resolve(other);
        Path to = out.resolve(other);
        if (!Files.isDirectory(from)) {
            Files.createDirectories(to.getParent());
            Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING);
            return;
        }
        try (Stream<Path> files = Files.list(from)) {
            String list =
                    files.map(file -> "<li>%s</li>\n".formatted(escaped(file.getFileName().toString())))
                            .sorted()
                            .collect(Collectors.joining());
            Files.createDirectories(to);
            Files.writeString(
                    to.resolve("index.html"),
                    framed(
                            other.resolve("index.html"),
                            other.toString(),
                            "<h1>%s</h1>\n<ul>\n%s</ul>\n".formatted(escaped(other.toString()), list)));
        }
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
