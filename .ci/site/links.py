"""The README as first page, and links from docs/ to the rest of the repository."""
import posixpath
import re

from mkdocs.structure.files import File

ROOT = "https://github.com/bijou-flow/bijou/blob/main/"
LINK = re.compile(r"(\]\(|src=\")(?!https?:|#)([^)\"#]*)")


def on_files(files, config):
    with open(posixpath.join(config["docs_dir"], "../README.md"), encoding="utf-8") as f:
        text = LINK.sub(lambda m: m[1] + re.sub("^docs/", "", at("", m[2])), f.read())
    files.append(File.generated(config, "index.md", content=text))
    return files


def on_page_markdown(markdown, page, **_):
    folder = posixpath.dirname(page.file.src_uri)
    return LINK.sub(lambda m: m[1] + at("docs/" + folder, m[2]), markdown) if page.file.src_uri != "index.md" else markdown


def at(folder, link):
    """A link as it is within docs/, and otherwise that of the file in the repository."""
    target = posixpath.normpath(posixpath.join(folder, link))
    return link if target.startswith("docs") else ROOT + target
