# SPDX-License-Identifier: Apache-2.0
"""Images of a registered model: equal digests, what is refused, and a server that runs with nothing
but the image's files."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST, Project  # noqa: E402
from serving import PIPELINE, Served, made_rows  # noqa: E402

MODEL = "homes_price"
MOST = 60_000_000


def layout_image(layout):
    """Manifest and config of a layout's only image."""
    read = lambda digest: json.loads(  # noqa: E731
        (layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_text())
    entry, = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = read(entry["digest"])
    return entry["digest"], manifest, read(manifest["config"]["digest"])


def unpack(layout, manifest, folder):
    for layer in manifest["layers"]:
        blob = (layout / "blobs/sha256" / layer["digest"].removeprefix("sha256:")).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob))) as archive:
            archive.extractall(folder, filter="tar")


def confined(root, environment):
    """Words that run a program with the image's files alone; None where the kernel forbids it."""
    words = ["bwrap", "--unshare-all", "--share-net", "--uid", "65532", "--gid", "65532",
             "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--die-with-parent",
             "--clearenv"]
    for each in environment:
        words += ["--setenv", *each.split("=", 1)]
    if shutil.which("bwrap") is not None:
        done = subprocess.run([*words, "/opt/kingpost/bin/kingpost-serve", "--version"],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return words
        print("bwrap:", done.stderr.strip())
    if os.geteuid() == 0 and shutil.which("chroot") is not None:
        return ["env", "-i", *environment, shutil.which("chroot"), "--userspec=65532:65532",
                str(root)]
    return None


class HomesCase(unittest.TestCase):
    """A run of the project."""

    @classmethod
    def setUpClass(cls):
        cls.project = Project(PIPELINE)
        cls.project.write("rows.csv", made_rows())
        done = cls.project.command("run", "made.yaml", "--json")
        assert done.code == 0, str(done)

    @classmethod
    def tearDownClass(cls):
        cls.project.close()

    def make(self, *words, model=MODEL):
        done = self.project.command("containerize", model, *words)
        assert done.code == 0, str(done)
        return done

    def refused(self, error, *words, model=MODEL):
        done = self.project.command("containerize", model, *words)
        self.assertNotEqual(done.code, 0, str(done))
        self.assertIn(f"error[{error}]", done.err)


class Images(HomesCase):
    def test_equal_inputs_give_an_equal_digest(self):
        self.make("--out", "a", "--docker-archive", "a.tar")
        # Of the same bundle as a folder the model is the folder's name, version 1.
        done = self.project.command("package", MODEL, "--model", MODEL)
        self.assertEqual(done.code, 0, str(done))
        self.make("--out", "elsewhere/b", "--ref", f"kingpost/{MODEL}:1", model=f"./{MODEL}")
        a, b = self.project.folder / "a", self.project.folder / "elsewhere/b"
        self.assertEqual((a / "index.json").read_text(), (b / "index.json").read_text())
        self.assertEqual(self.project.read("a.lock.json"),
                         self.project.read("elsewhere/b.lock.json"))
        self.assertEqual(self.project.read("a.lock.json"), self.project.read("a.tar.lock.json"))
        digest, manifest, config = layout_image(a)
        lock = json.loads(self.project.read("a.lock.json"))
        self.assertEqual(lock["image"], digest)
        self.assertIn("libc6", [each["name"] for each in lock["packages"]])
        self.assertLess(sum(each["size"] for each in manifest["layers"]), MOST)
        self.assertEqual(config["config"]["User"], "65532:65532")
        self.assertEqual(config["config"]["Labels"]["io.kingpost.model"], MODEL)

    def test_nothing_but_the_image_is_needed(self):
        self.make("--out", "alone")
        layout = self.project.folder / "alone"
        _, manifest, config = layout_image(layout)
        root = Path(tempfile.mkdtemp(prefix="kingpost-image-"))
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        unpack(layout, manifest, root)
        root.chmod(0o755)
        run = confined(root, config["config"]["Env"])
        if run is None:
            self.skipTest("neither bwrap nor chroot may be used here")
        started = time.monotonic()
        served = Served("--address", "127.0.0.1", "--grpc", "0",
                        program=(*run, *config["config"]["Entrypoint"]))
        self.addCleanup(served.end)
        self.assertEqual(served.ask("GET", "/v2/health/ready")[0], 200)
        print(f"ready in {time.monotonic() - started:.3f} s")
        rows = [line.split(",") for line in made_rows().splitlines()[1:4]]
        self.project.write("in.csv", "id,area,kind\n" + "".join(
            f"{each[0]},{each[1]},{each[2]}\n" for each in rows))
        done = self.project.command("infer", MODEL, "in.csv", "out.ndjson")
        self.assertEqual(done.code, 0, str(done))
        batch = [json.loads(line)["prediction"]
                 for line in self.project.read("out.ndjson").splitlines()]
        body = {"instances": [{"area": float(each[1]), "kind": each[2]} for each in rows]}
        answer = served.json("POST", f"/v1/models/{MODEL}:predict", json.dumps(body))
        self.assertEqual([each["prediction"] for each in answer["predictions"]], batch)

    def test_what_cannot_be_made_is_refused_before_any_work(self):
        (self.project.folder / "taken").mkdir(exist_ok=True)
        self.project.write("taken/file", "")
        self.refused("containerize.folder_taken", "--out", "taken")
        self.refused("containerize.ref_malformed", "--out", "x", "--ref", "../x")
        self.refused("file.not_regular", "--docker-archive", "taken")
        self.refused("registry.model_unknown", model="nobody")
        self.refused("registry.version_unknown", model=f"{MODEL}/9")
        self.assertFalse((self.project.folder / "x").exists())
        # An empty folder is taken.
        (self.project.folder / "empty").mkdir()
        self.make("--out", "empty")

    def test_kingpost_alone_says_what_it_misses(self):
        lonely = self.project.folder / "lonely"
        lonely.mkdir()
        shutil.copy(KINGPOST, lonely)
        done = subprocess.run([lonely / "kingpost", "containerize", MODEL, "--out", "none"],
                              cwd=self.project.folder, capture_output=True, text=True, check=False)
        self.assertIn("error[containerize.program_missing]", done.stderr)

    def test_what_a_killed_one_left_goes_with_the_next(self):
        folder = self.project.folder
        done = self.project.command("containerize", MODEL, "--out", "cut", "--docker-archive",
                                    "cut.tar", env={"KINGPOST_KILL_AT": "containerize_layer:2"})
        self.assertEqual(done.code, -9, str(done))
        self.assertFalse((folder / "cut").exists() or (folder / "cut.tar").exists())
        self.make("--out", "cut", "--docker-archive", "cut.tar")
        self.assertEqual(sorted(path.name for path in folder.glob("cut*")),
                         ["cut", "cut.lock.json", "cut.tar", "cut.tar.lock.json"])

    def test_a_layout_is_never_without_its_lock(self):
        done = self.project.command("containerize", MODEL, "--out", "locked",
                                    env={"KINGPOST_KILL_AT": "containerize_layout_kept"})
        self.assertEqual(done.code, -9, str(done))
        digest, _, _ = layout_image(self.project.folder / "locked")
        self.assertEqual(json.loads(self.project.read("locked.lock.json"))["image"], digest)

    def test_of_two_at_once_one_is_refused_and_the_image_is_whole(self):
        both = [self.project.start("containerize", MODEL, "--out", "both") for _ in range(2)]
        texts = [each.communicate()[1] for each in both]
        self.assertEqual(sorted(each.returncode == 0 for each in both), [False, True])
        self.assertIn("error[containerize.folder_taken]", "".join(texts))
        _, manifest, _ = layout_image(self.project.folder / "both")
        for each in (*manifest["layers"], manifest["config"]):
            digest = each["digest"].removeprefix("sha256:")
            blob = (self.project.folder / "both/blobs/sha256" / digest).read_bytes()
            self.assertEqual(hashlib.sha256(blob).hexdigest(), digest)
        self.assertEqual(list(self.project.folder.glob("both.*.part")), [])

    def lock_of(self, name):
        return json.loads(self.project.read(f"{name}.lock.json"))

    def archive_image(self, name):
        with tarfile.open(self.project.folder / name) as archive:
            index = json.load(archive.extractfile("index.json"))
            tags, = json.load(archive.extractfile("manifest.json"))
        entry, = index["manifests"]
        return entry["digest"], tags["RepoTags"][0]

    def stopped_at(self, point, *words):
        """A run that has stopped there."""
        process = self.project.start("containerize", MODEL, *words, env={"KINGPOST_STOP_AT": point})
        self.addCleanup(process.kill)
        while not Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].startswith(" T"):
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        return process

    def waits(self, process):
        """Until it has the folder open whose turn it waits for."""
        folder = str(self.project.folder)
        while True:
            with contextlib.suppress(FileNotFoundError):
                all_open = Path(f"/proc/{process.pid}/fd").iterdir()
                if folder in [os.readlink(each) for each in all_open]:
                    return
            self.assertIsNone(process.poll(), "it did not wait")
            time.sleep(0.02)

    def go_on(self, *processes):
        processes[0].send_signal(signal.SIGCONT)
        return [each.communicate()[1] for each in processes]

    def test_the_lock_is_that_of_the_layout_beside_it_whoever_else_comes(self):
        first = self.stopped_at("containerize_lock_kept", "--out", "raced", "--ref", "first:1")
        other = self.project.start("containerize", MODEL, "--out", "raced", "--ref", "second:2")
        self.waits(other)
        texts = self.go_on(first, other)
        self.assertEqual([first.returncode == 0, other.returncode == 0], [True, False], texts)
        self.assertIn("error[containerize.folder_taken]", texts[1])
        self.assertEqual(self.lock_of("raced")["ref"], "first:1")
        self.assertEqual(self.lock_of("raced")["image"],
                         layout_image(self.project.folder / "raced")[0])
        self.assertEqual(sorted(path.name for path in self.project.folder.glob("raced*")),
                         ["raced", "raced.lock.json"])

    def test_the_last_of_two_archives_has_its_own_lock(self):
        words = ("--docker-archive", "pair.tar", "--ref")
        first = self.stopped_at("half_of_both_kept", *words, "first:1")
        self.assertFalse((self.project.folder / "pair.tar").exists())
        other = self.project.start("containerize", MODEL, *words, "second:2")
        self.waits(other)
        self.go_on(first, other)
        self.assertEqual((first.returncode, other.returncode), (0, 0))
        digest, tag = self.archive_image("pair.tar")
        self.assertEqual(tag, "second:2")
        self.assertEqual((self.lock_of("pair.tar")["image"], self.lock_of("pair.tar")["ref"]),
                         (digest, tag))

    def test_killed_between_lock_and_archive_both_are_whole_and_told_apart(self):
        words = ("--docker-archive", "torn.tar", "--ref")
        self.make(*words, "old:1")
        kept = (self.project.folder / "torn.tar").read_bytes(), self.lock_of("torn.tar")
        done = self.project.command("containerize", MODEL, *words, "new:1",
                                    env={"KINGPOST_KILL_AT": "containerize_layer:4"})
        self.assertEqual(done.code, -9, str(done))
        self.assertEqual((self.project.folder / "torn.tar").read_bytes(), kept[0])
        self.assertEqual(self.lock_of("torn.tar"), kept[1])
        done = self.project.command("containerize", MODEL, *words, "new:1",
                                    env={"KINGPOST_KILL_AT": "half_of_both_kept"})
        self.assertEqual(done.code, -9, str(done))
        self.assertEqual(self.archive_image("torn.tar")[1], "old:1")
        self.assertEqual(self.lock_of("torn.tar")["ref"], "new:1")
        self.make(*words, "new:1")
        self.assertEqual(self.archive_image("torn.tar"),
                         (self.lock_of("torn.tar")["image"], "new:1"))
        self.assertEqual(sorted(path.name for path in self.project.folder.glob("torn*")),
                         ["torn.tar", "torn.tar.lock.json"])

    def test_layout_and_archive_have_places_of_their_own(self):
        for out, archive in (("same", "same"), ("same", "./same"), ("same", "same.lock.json"),
                             ("same.lock.json", "same"), ("same", "same/a.tar")):
            if archive == "same/a.tar":
                (self.project.folder / "same").mkdir()
            self.refused("containerize.same_place", "--out", out, "--docker-archive", archive)
        # Of the pipeline, whether the folder has one of them or several.
        self.project.write("other.yaml", PIPELINE)
        for words in (("-f", "made.yaml"), ()):
            for archive in ("made.yaml", "rows.csv"):
                self.refused("containerize.same_place", *words, "--docker-archive", archive)
        self.refused("containerize.same_place", "-f", "made.yaml", "--docker-archive",
                     ".kingpost/a.tar")
        (self.project.folder / "odd.tar.lock.json").mkdir()
        self.refused("file.not_regular", "--docker-archive", "odd.tar")

    def test_options_without_effect(self):
        self.project.command("package", "loose", "--model", MODEL)
        for words in (("--set", "engine.threads=1"), ("--profile", "fast")):
            self.refused("containerize.no_effect", "--out", "x", *words, model="./loose")

    def test_a_signature_goes_along(self):
        folder = self.project.folder / "signed"
        done = self.project.command("package", "signed", "--model", MODEL)
        self.assertEqual(done.code, 0, str(done))
        (folder / "SHA256SUMS.sig").write_bytes(bytes(64))
        self.make("--out", "signed.image", model="./signed")
        layout = self.project.folder / "signed.image"
        _, manifest, _ = layout_image(layout)
        root = self.project.folder / "signed.root"
        unpack(layout, {"layers": manifest["layers"][-1:]}, root)
        inside = root / "models/signed/1"
        self.assertEqual(sorted(path.relative_to(inside) for path in inside.rglob("*")),
                         sorted(path.relative_to(folder) for path in folder.rglob("*")))
        self.assertEqual((inside / "SHA256SUMS.sig").read_bytes(), bytes(64))
        (folder / "SHA256SUMS.sig").unlink()
        (folder / "SHA256SUMS.sig").symlink_to("/etc/hostname")
        self.refused("containerize.link_refused", "--out", "x", model="./signed")

    def test_no_room_leaves_nothing(self):
        limit = ["sh", "-c", 'ulimit -f 4000; trap "" XFSZ; exec "$0" "$@"']
        words = [*limit, KINGPOST, "containerize", MODEL, "--out", "full"]
        done = subprocess.run(words, cwd=self.project.folder, capture_output=True, text=True,
                              check=False)
        self.assertIn("error[disk.full]", done.stderr)
        self.assertEqual(list(self.project.folder.glob("full*")), [])

    def test_the_section_makes_it_a_step_of_the_run(self):
        other = self.project.copy()
        self.addCleanup(other.close)
        plain = other.command("run", "made.yaml", "--json")
        self.assertNotIn("containerize", plain.sealed + plain.ran)
        other.write("made.yaml", PIPELINE + "containerize: {ref: registry.local/homes}\n")
        done = other.command("run", "made.yaml", "--json",
                             env={"KINGPOST_KILL_AT": "containerize_layer:3"})
        self.assertEqual(done.code, -9, str(done))
        done = other.command("run", "made.yaml", "--json")
        self.assertEqual(done.code, 0, str(done))
        self.assertEqual(done.ran, ["containerize"])
        # What the killed one had written is gone.
        self.assertEqual([path for path in other.store.rglob("*image*") if path.is_dir()], [])
        again = other.command("run", "made.yaml", "--json")
        self.assertEqual(again.ran, [])
        report = json.loads(other.command("data", "report", "containerize", "-f", "made.yaml").out)
        self.assertEqual(report["ref"], "registry.local/homes:1")
        made = other.command("containerize", MODEL, "-f", "made.yaml", "--out", "image", "--json")
        self.assertEqual(json.loads(made.out), report)


class Serving(HomesCase):
    """The section `serve` in the image."""

    serve = ("serve: {http: 9000, batching: {max_rows: 7}, drain: 0, access_log: access.log, "
             "api_keys: keys.txt, log: {folder: logs}}\n")

    def layout(self, name, section):
        self.project.write(f"{name}.yaml", PIPELINE + section)
        done = self.make("-f", f"{name}.yaml", "--out", name)
        digest, manifest, config = layout_image(self.project.folder / name)
        return done, digest, manifest, config["config"]

    def test_settings_are_in_the_command(self):
        # The file of the keys is not read, and need not be there.
        done, digest, _, config = self.layout("settings", self.serve)
        words = config["Entrypoint"]
        self.assertEqual(sorted(config["ExposedPorts"]), ["8081/tcp", "9000/tcp"])
        options = dict(zip(words[1::2], words[2::2]))
        for option, value in (("--address", "0.0.0.0"), ("--http", "9000"), ("--grpc", "8081"),
                              ("--batch-rows", "7"), ("--drain", "0"), ("--access-log", "-"),
                              ("--api-keys", "/run/secrets/api_keys"),
                              ("--request-log", "/var/log/kingpost"),
                              ("--model", f"{MODEL}/1=/models/{MODEL}/1")):
            self.assertEqual(options[option], value)
        for word in ("serve.api_keys is not copied", "serve.access_log is standard output",
                     "serve.log.folder is /var/log/kingpost"):
            self.assertIn(f"warning: {word}", done.err)
        self.assertNotIn("serve.address", done.err)
        self.assertEqual(self.layout("again", self.serve)[1], digest)
        plain = self.layout("plain", "")
        self.assertNotEqual(plain[1], digest)
        self.assertEqual(plain[3]["Entrypoint"][1:7],
                         ["--address", "0.0.0.0", "--http", "8080", "--grpc", "8081"])
        self.assertEqual(plain[0].err, "")
        self.project.write("odd.yaml", PIPELINE + "serve: {http: 8081}\n")
        self.refused("containerize.ports_unfit", "-f", "odd.yaml", "--out", "odd")
        self.assertFalse((self.project.folder / "odd").exists())

    def test_settings_take_effect(self):
        _, _, manifest, config = self.layout("effect", self.serve)
        root = Path(tempfile.mkdtemp(prefix="kingpost-image-"))
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        unpack(self.project.folder / "effect", manifest, root)
        root.chmod(0o755)
        run = confined(root, config["Env"])
        if run is None:
            self.skipTest("neither bwrap nor chroot may be used here")
        words = [*run, *config["Entrypoint"], "--address", "127.0.0.1", "--http", "0", "--grpc",
                 "0"]
        # Without what is to be mounted nothing is served: not even without keys.
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/run/secrets/api_keys", done.stderr)
        (root / "run/secrets").mkdir(parents=True)
        (root / "run/secrets/api_keys").write_text(
            f"{hashlib.sha256(b'mine').hexdigest()} admin me\n")
        served = Served("--address", "127.0.0.1", "--grpc", "0", "--request-log", "/tmp/log",
                        program=(*run, *(["--tmpfs", "/tmp"] if run[0] == "bwrap" else []),
                                 *config["Entrypoint"]))
        self.addCleanup(served.end)
        path = f"/v2/models/{MODEL}/config"
        self.assertEqual(served.ask("GET", path)[0], 401)
        code, _, text = served.ask("GET", path, None, {"X-API-Key": "mine"})
        self.assertEqual((code, json.loads(text)["max_batch_size"]), (200, 7))


if __name__ == "__main__":
    unittest.main()
