#!/usr/bin/env python3
"""Writes an OCI image archive (which docker load takes too) from directories, one layer each:

  archive.py OUTPUT ARCH=DIRECTORY[,DIRECTORY...]...

Entries are sorted, belong to root, have the time SOURCE_DATE_EPOCH; gzip headers carry no time or
name. So the digests depend on the contents alone. With --sbom each image's SPDX document is written beside it, as
OUTPUT.ARCH.spdx.json, from the packages.json beside its directories."""

import argparse
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

import packages  # beside this file

OCI = "application/vnd.oci.image."
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def rfc3339(seconds):
    import datetime
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def qualified(name):
    """As a kubelet looks for it: a name without a registry is one of docker.io."""
    first, _, rest = name.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"docker.io/{name if rest else 'library/' + name}"


def add(tar, name, data=None, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.mtime, entry.mode = EPOCH, mode
    if data is None:
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    else:
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))


def layer(directory):
    """The tar of a directory: directories and plain files, sorted."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for where, directories, files in os.walk(directory):
            directories.sort()
            inside = os.path.relpath(where, directory)
            if inside != ".":
                add(tar, inside, mode=0o755)
            for name in sorted(files):
                path = os.path.join(where, name)
                with open(path, "rb") as f:
                    executable = os.stat(path).st_mode & 0o111
                    add(tar, os.path.normpath(os.path.join(inside, name)), f.read(),
                        0o755 if executable else 0o644)
    return out.getvalue()


class Archive:
    def __init__(self):
        self.blobs = {}

    def blob(self, kind, data, **more):
        if not isinstance(data, bytes):
            data = json.dumps(data, separators=(",", ":"), sort_keys=True).encode()
        digest = sha256(data)
        self.blobs[digest] = data
        return {"mediaType": OCI + kind, "digest": digest, "size": len(data), **more}

    def image(self, arch, directories, labels):
        """The descriptors of an image's manifest, its configuration and its layers."""
        tars = [layer(d) for d in directories]
        layers = [self.blob("layer.v1.tar+gzip", gzip.compress(t, 9, mtime=0)) for t in tars]
        config = self.blob("config.v1+json", {
            "created": rfc3339(EPOCH), "architecture": arch, "os": "linux",
            "config": {"User": "65532:65532", "Entrypoint": ["/manager"], "WorkingDir": "/", "Env": ["PATH=/"],
                       "Labels": labels,
                       "ExposedPorts": {p: {} for p in ("8081/tcp", "8443/tcp", "9443/tcp")}},
            "rootfs": {"type": "layers", "diff_ids": [sha256(t) for t in tars]},
            "history": [{"created": rfc3339(EPOCH), "created_by": f"hack/image.sh: {os.path.basename(d)}"}
                        for d in directories]})
        manifest = self.blob("manifest.v1+json", {
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": layers},
            platform={"architecture": arch, "os": "linux"})
        return manifest, config, layers

    def write(self, path, top, name, first):
        """top: the descriptor that the name stands for; first: the image that docker load gets."""
        tag = {"io.containerd.image.name": qualified(name), "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1]}
        index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [{**top, "annotations": tag}]}
        _, config, layers = first
        docker = [{"Config": blob_path(config["digest"]), "RepoTags": [name],
                   "Layers": [blob_path(d["digest"]) for d in layers]}]
        temporary = path + ".part"
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            add(tar, "blobs", mode=0o755)
            add(tar, "blobs/sha256", mode=0o755)
            for digest, data in sorted(self.blobs.items()):
                add(tar, blob_path(digest), data)
            add(tar, "index.json", json.dumps(index, sort_keys=True).encode())
            add(tar, "manifest.json", json.dumps(docker, sort_keys=True).encode())
            add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        os.replace(temporary, path)


def blob_path(digest):
    return "blobs/" + digest.replace(":", "/")


def write_sbom(path, o, digest, base):
    top = os.path.dirname(base)
    with open(os.path.join(top, "packages.json"), encoding="utf-8") as f:
        found = json.load(f)
    document = packages.spdx(o.name, digest, o.version, o.revision, rfc3339(EPOCH), os.path.join(top, "program", "manager"), found)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(document, f, indent=1, sort_keys=True)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--max-mib", type=float, required=True)
    parser.add_argument("--sbom", action="store_true")
    parser.add_argument("output")
    parser.add_argument("images", nargs="+", metavar="ARCH=DIRECTORY,...")
    o = parser.parse_args()
    labels = {"org.opencontainers.image.title": "rbg-manager",
              "org.opencontainers.image.description": "Controllers and webhooks of RoleBasedGroup",
              "org.opencontainers.image.version": o.version, "org.opencontainers.image.revision": o.revision}
    archive, images = Archive(), []
    for image in o.images:
        arch, directories = image.split("=", 1)
        images.append((arch, archive.image(arch, directories.split(","), labels)))
    top = images[0][1][0]
    if len(images) > 1:
        top = archive.blob("index.v1+json", {"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
                                             "manifests": [i[1][0] for i in images]})
    archive.write(o.output, top, o.name, images[0][1])

    for (arch, (manifest, _, _)), image in zip(images, o.images) if o.sbom else ():
        write_sbom(f"{o.output}.{arch}.spdx.json", o, manifest["digest"], image.split("=", 1)[1].split(",")[0])

    failed = False
    for arch, (manifest, config, layers) in images:
        sizes = [d["size"] for d in layers]
        total = (sum(sizes) + config["size"] + manifest["size"]) / 2**20
        print(f"linux/{arch} {manifest['digest']} {total:.2f} MiB compressed"
              f" ({', '.join(f'{s / 2**20:.2f}' for s in sizes)})")
        failed |= total > o.max_mib
    print(f"{o.output} {o.name} {top['digest']}")
    if failed:
        sys.exit(f"archive.py: larger than {o.max_mib:g} MiB")


main()
