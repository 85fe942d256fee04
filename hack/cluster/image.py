#!/usr/bin/env python3
"""Makes a container image from files, without a container engine or a registry.

    image.py OUT.tar NAME:TAG [--arg WORD]... [--env NAME=VALUE]... [--user ID]
             [--file SOURCE=PATH]... [--link TARGET=PATH]... [--text TEXT=PATH]... [--dir PATH=MODE]...

The archive is an OCI layout of one layer; the same input makes the same bytes."""

import argparse
import hashlib
import io
import json
import os
import platform
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
OCI = "application/vnd.oci.image"


class Layer:
    """A tar archive; folders that a path needs are made once."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.USTAR_FORMAT)
        self.made = set()

    def add(self, path, kind, mode, data=b"", target=""):
        path = path.lstrip("/")
        self.folders(os.path.dirname(path))
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), target
        self.tar.addfile(entry, io.BytesIO(data))

    def folders(self, path):
        if path and path not in self.made:
            self.made.add(path)
            self.add(path, tarfile.DIRTYPE, 0o755)

    def folder(self, path, mode):
        self.made.add(path.strip("/"))
        self.add(path.rstrip("/"), tarfile.DIRTYPE, mode)

    def bytes(self):
        self.tar.close()
        return self.buffer.getvalue()


def pairs(arguments):
    return (argument.rsplit("=", 1) for argument in arguments)


def make_layer(options):
    layer = Layer()
    for path, mode in pairs(options.dir):
        layer.folder(path, int(mode, 8))
    for source, path in pairs(options.file):
        with open(source, "rb") as f:
            layer.add(path, tarfile.REGTYPE, 0o755 if os.access(source, os.X_OK) else 0o644, f.read())
    for text, path in pairs(options.text):
        layer.add(path, tarfile.REGTYPE, 0o644, text.encode())
    for target, path in pairs(options.link):
        layer.add(path, tarfile.SYMTYPE, 0o777, target=target)
    return layer.bytes()


class Archive:
    def __init__(self, path):
        self.tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)

    def add(self, path, data):
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = len(data), 0o644
        self.tar.addfile(entry, io.BytesIO(data))

    def blob(self, media_type, data):
        digest = hashlib.sha256(data).hexdigest()
        self.add("blobs/sha256/" + digest, data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}


def document(value):
    return json.dumps(value, sort_keys=True).encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("out")
    parser.add_argument("name")
    parser.add_argument("--user", default="")
    for repeated in ("arg", "env", "file", "link", "text", "dir"):
        parser.add_argument("--" + repeated, action="append", default=[])
    options = parser.parse_args()

    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    archive = Archive(options.out)
    layer = make_layer(options)
    layer_blob = archive.blob(OCI + ".layer.v1.tar", layer)
    config = archive.blob(OCI + ".config.v1+json", document({
        "architecture": architecture, "os": "linux",
        "config": {"Entrypoint": options.arg, "Env": options.env, "User": options.user},
        "rootfs": {"type": "layers", "diff_ids": [layer_blob["digest"]]}}))
    manifest = archive.blob(OCI + ".manifest.v1+json", document({
        "schemaVersion": 2, "mediaType": OCI + ".manifest.v1+json",
        "config": config, "layers": [layer_blob]}))
    manifest["platform"] = {"architecture": architecture, "os": "linux"}
    manifest["annotations"] = {"io.containerd.image.name": options.name,
                               "org.opencontainers.image.ref.name": options.name.rsplit(":", 1)[1]}
    archive.add("index.json", document({
        "schemaVersion": 2, "mediaType": OCI + ".index.v1+json", "manifests": [manifest]}))
    archive.add("oci-layout", document({"imageLayoutVersion": "1.0.0"}))
    archive.tar.close()


if __name__ == "__main__":
    main()
