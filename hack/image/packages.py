"""Which Debian packages the image's files are from, and how that is written down: for scanners inside the image, as
/var/lib/dpkg/status.d has it, and beside it as an SPDX document.

What is installed here is asked of dpkg. Of a directory of extracted packages hack/image.sh keeps the control files and lists:
DIRECTORY/packages/NAME.control and NAME.list."""

import glob
import hashlib
import os
import re
import subprocess
import sys
import urllib.parse

# The release whose packages these are; scanners look for it first.
RELEASE = {
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n'
                      'VERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n',
    "etc/debian_version": "12\n",
}
STATUS = "var/lib/dpkg/status.d"
KEPT = ("Package", "Status", "Source", "Version", "Architecture", "Maintainer", "Section", "Homepage", "Description")


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def fields(control):
    """The fields of a control file, without the lines that go on."""
    return dict(line.split(": ", 1) for line in control.splitlines() if re.match(r"[A-Za-z-]+: ", line))


def both_names(path):
    """A file's name with /usr merged into / and without: packages say either."""
    return {path, path[4:] if path.startswith("/usr/lib") else "/usr" + path}


def installed(path):
    """The control file of the package that a file of this machine is from."""
    for name in sorted(both_names(os.path.realpath(path))):
        found = subprocess.run(["dpkg-query", "--search", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               check=False)
        if found.returncode == 0:
            package = found.stdout.splitlines()[0].rsplit(": ", 1)[0].split(",")[0]
            return run("dpkg-query", "--status", package)
    sys.exit(f"packages.py: {path} is of no package")


def extracted(sysroot, path):
    """The same of a file in a directory of extracted packages."""
    inside = both_names("/" + os.path.relpath(os.path.realpath(path), os.path.realpath(sysroot)))
    for listing in sorted(glob.glob(os.path.join(sysroot, "packages", "*.list"))):
        with open(listing, encoding="utf-8") as f:
            if inside & set(f.read().splitlines()):
                with open(listing[:-len("list")] + "control", encoding="utf-8") as control:
                    return control.read()
    sys.exit(f"packages.py: {path} is of none of the packages in {sysroot}")


def of(sysroot, files):
    """package -> its fields, of all that the files are from."""
    out = {}
    for path in files:
        found = fields(installed(path) if sysroot == "/" else extracted(sysroot, path))
        out[found["Package"]] = found
    return dict(sorted(out.items()))


def write_status(base, packages):
    os.makedirs(os.path.join(base, STATUS))
    for name, found in packages.items():
        kept = {**found, "Status": "install ok installed"}
        with open(os.path.join(base, STATUS, name), "w", encoding="utf-8") as f:
            f.writelines(f"{key}: {kept[key]}\n" for key in KEPT if key in kept)


# --- SPDX ---


def spdx_id(text):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", text)


def debian_package(found):
    source = found.get("Source", found["Package"]).split(" ")[0]
    version = urllib.parse.quote(found["Version"], safe=".~-")
    purl = f"pkg:deb/debian/{found['Package']}@{version}?arch={found['Architecture']}&distro=debian-12"
    return {"SPDXID": spdx_id("deb-" + found["Package"]), "name": found["Package"], "versionInfo": found["Version"],
            "supplier": "Organization: Debian", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "sourceInfo": f"built from the Debian source package {source}", "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION", "primaryPackagePurpose": "LIBRARY",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}]}


def manager_package(version, revision, program):
    with open(program, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    return {"SPDXID": "SPDXRef-rbg-manager", "name": "rbg-manager", "versionInfo": f"{version} ({revision})",
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "Apache-2.0",
            "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION",
            "checksums": [{"algorithm": "SHA256", "checksumValue": digest}]}


def spdx(image, digest, version, revision, created, program, packages):
    """The document about one image: the image contains the program and the packages, the program is linked with them."""
    container = {"SPDXID": "SPDXRef-image", "name": image, "versionInfo": digest, "downloadLocation": "NOASSERTION",
                 "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
                 "copyrightText": "NOASSERTION", "primaryPackagePurpose": "CONTAINER",
                 "checksums": [{"algorithm": "SHA256", "checksumValue": digest.split(":", 1)[1]}]}
    parts = [manager_package(version, revision, program)] + [debian_package(p) for p in packages.values()]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image")]
    relations += [("SPDXRef-image", "CONTAINS", p["SPDXID"]) for p in parts]
    relations += [("SPDXRef-rbg-manager", "DYNAMIC_LINK", p["SPDXID"]) for p in parts[1:] if p["name"] != "ca-certificates"]
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": image,
            "documentNamespace": f"https://spdx.org/spdxdocs/rbg-manager-{version}-{digest.split(':', 1)[1]}",
            "creationInfo": {"created": created, "creators": ["Tool: hack/image.sh"]},
            "packages": [container] + parts,
            "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                              for a, kind, b in relations]}
