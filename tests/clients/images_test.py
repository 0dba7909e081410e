# SPDX-License-Identifier: Apache-2.0
"""The tools of the field read our images, and registries take them: skopeo, umoci,
docker-registry."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST  # noqa: E402

SECONDS = 120
pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("skopeo", "umoci", "docker-registry")),
    reason="skopeo, umoci or docker-registry is not installed; tools/setup.py installs them")


def run(*words, folder):
    done = subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "late").mkdir()
    (folder / "late/model.onnx").write_bytes(b"made")
    digest = hashlib.sha256(b"made").hexdigest()
    (folder / "late/SHA256SUMS").write_text(f"{digest}  model.onnx\n")
    run(KINGPOST, "containerize", "./late", "--out", "layout", "--docker-archive", "late.tar",
        folder=folder)
    return folder


@pytest.fixture(scope="module")
def lock(made):
    return json.loads((made / "layout.lock.json").read_text())


@pytest.fixture(scope="module")
def registry(made):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (made / "registry.yml").write_text(
        f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
        f"storage: {{filesystem: {{rootdirectory: {made}/registry}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n")
    process = subprocess.Popen(["docker-registry", "serve", str(made / "registry.yml")])
    try:
        for _ in range(SECONDS * 10):
            try:
                connection = HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/v2/")
                assert connection.getresponse().status == 200
                break
            except OSError:
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(SECONDS)


def test_skopeo_reads_the_layout_and_the_archive(made, lock):
    for place in ("oci:layout:1", "oci-archive:late.tar:1"):
        facts = json.loads(run("skopeo", "inspect", place, folder=made))
        assert facts["Digest"] == lock["image"]
        assert facts["Layers"] == [each["digest"] for each in lock["layers"]]
        assert facts["Labels"]["io.kingpost.model"] == "late"
    archive = "docker-archive:late.tar"
    config = json.loads(run("skopeo", "inspect", "--config", archive, folder=made))
    assert config["config"]["User"] == "65532:65532"
    assert config["rootfs"]["diff_ids"] == [each["diff_id"] for each in lock["layers"]]
    # By its name among those of the archive, which docker load gives it.
    run("skopeo", "inspect", f"{archive}:kingpost/late:1", folder=made)


def test_umoci_unpacks_it_as_nobody_in_particular(made):
    run("umoci", "unpack", "--rootless", "--image", "layout:1", "unpacked", folder=made)
    root = made / "unpacked/rootfs"
    assert (root / "models/late/1/model.onnx").read_bytes() == b"made"
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert os.access(root / "opt/kingpost/bin/kingpost-serve", os.X_OK)
    packages = json.loads((root / "usr/share/kingpost/packages.json").read_text())
    for each in packages:
        version = run("dpkg-query", "-W", "-f", "${Version}\n", each["name"], folder=made)
        assert each["version"] in version.split()


def test_what_was_pushed_comes_back_the_same(made, lock, registry):
    name = f"{registry}/team/late"
    first = json.loads(run(KINGPOST, "containerize", "./late", "--push", name, "--json",
                           folder=made))
    assert first["image"] == lock["image"]
    assert first["pushed"] == {"ref": f"{name}:1", "sent": 5, "kept": 0, "mounted": 0,
                               "sent_bytes": first["pushed"]["sent_bytes"]}
    again = json.loads(run(KINGPOST, "containerize", "./late", "--push", f"{name}:stable",
                           "--json", folder=made))
    assert (again["pushed"]["sent"], again["pushed"]["kept"]) == (0, 5)
    for tag in ("1", "stable"):
        facts = json.loads(run("skopeo", "inspect", "--tls-verify=false", f"docker://{name}:{tag}",
                               folder=made))
        assert facts["Digest"] == lock["image"]
    run("skopeo", "copy", "--src-tls-verify=false", f"docker://{name}:1", "oci:back:1", folder=made)
    ours = {path.name: path.read_bytes() for path in (made / "layout/blobs/sha256").iterdir()}
    back = {path.name: path.read_bytes() for path in (made / "back/blobs/sha256").iterdir()}
    assert back == ours


def test_layers_are_mounted_from_another_repository(made, lock, registry):
    run(KINGPOST, "containerize", "./late", "--push", f"{registry}/team/late", folder=made)
    name = f"{registry}/mine/late"
    done = json.loads(run(KINGPOST, "containerize", "./late", "--push", name, "--mount-from",
                          "team/late", "--json", folder=made))
    assert (done["pushed"]["sent"], done["pushed"]["mounted"]) == (0, 5)
    # Where the other has nothing, all is sent.
    done = json.loads(run(KINGPOST, "containerize", "./late", "--push", f"{registry}/her/late",
                          "--mount-from", "no/body", "--json", folder=made))
    assert (done["pushed"]["sent"], done["pushed"]["mounted"]) == (5, 0)
    facts = json.loads(run("skopeo", "inspect", "--tls-verify=false", f"docker://{name}:1",
                           folder=made))
    assert facts["Digest"] == lock["image"]


def test_skopeo_pushes_it_as_well(made, lock, registry):
    run("skopeo", "copy", "--dest-tls-verify=false", "oci:layout:1",
        f"docker://{registry}/other/late:1", folder=made)
    facts = json.loads(run("skopeo", "inspect", "--tls-verify=false",
                           f"docker://{registry}/other/late:1", folder=made))
    assert facts["Digest"] == lock["image"]
