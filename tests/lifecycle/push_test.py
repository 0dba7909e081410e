# SPDX-License-Identifier: Apache-2.0
"""Images to registries: what is sent and what is not, who is let in, and answers that no registry
should give. The real ones are in tests/clients."""

import hashlib
import json
import shutil
import socket
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import Project  # noqa: E402
from registry import Registry  # noqa: E402

LIBRARY = "/lib/x86_64-linux-gnu/libz.so.1"


def write_bundle(folder, text):
    folder.mkdir(parents=True)
    (folder / "card.md").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  card.md\n")


def has_six():
    try:
        with socket.socket(socket.AF_INET6) as made:
            made.bind(("::1", 0))
            return True
    except OSError:
        return False


class Pushes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.project = Project()
        (cls.project.folder / "made.yaml").unlink()
        write_bundle(cls.project.folder / "late", "a model")
        (cls.project.folder / "docker").mkdir()
        # The runtime is most of an image and tells nothing here, so a small library stands for it.
        (cls.project.folder / "drivers").mkdir()
        shutil.copy(LIBRARY, cls.project.folder / "drivers/libonnxruntime.so.1")

    @classmethod
    def tearDownClass(cls):
        cls.project.close()

    def registry(self, *words, **more):
        out = Registry(*words, **more)
        self.addCleanup(out.close)
        return out

    def push(self, registry, *words, model="./late", login=False, env=None):
        auths = {registry.host: {"auth": "dTpw"}} if login else {}
        self.project.write("docker/config.json", json.dumps({"auths": auths}))
        return self.containerize(model, "--push", f"{registry.host}/team/late", "--json", *words,
                                 env=env)

    def containerize(self, *words, env=None):
        env = {"DOCKER_CONFIG": str(self.project.folder / "docker"),
               "KINGPOST_DRIVERS": str(self.project.folder / "drivers"), **(env or {})}
        return self.project.command("containerize", *words, env=env)

    def pushed(self, registry, *words, **more):
        done = self.push(registry, *words, **more)
        self.assertEqual(done.code, 0, str(done))
        return json.loads(done.out)["pushed"]

    def refused(self, error, registry, **more):
        done = self.push(registry, **more)
        self.assertNotEqual(done.code, 0)
        self.assertIn(f"error[{error}]", done.err)
        self.assertEqual(registry.manifests, {})
        return done.err

    def test_nothing_is_sent_twice(self):
        registry = self.registry()
        self.assertEqual(self.pushed(registry)["sent"], 5)
        self.assertEqual(list(registry.manifests), ["1"])
        again = self.pushed(registry)
        self.assertEqual((again["sent"], again["kept"]), (0, 5))
        # A new model: its layer and the config.
        write_bundle(self.project.folder / "new/late", "another")
        other = self.pushed(registry, model="./new/late")
        self.assertEqual((other["sent"], other["kept"]), (2, 3))
        self.assertEqual(len(registry.uploads()), 7)

    def test_a_look_is_sent_on_to_the_object_store(self):
        registry = self.registry("bearer", "store")
        self.assertEqual(self.pushed(registry, login=True)["sent"], 5)
        again = self.pushed(registry, login=True)
        self.assertEqual((again["sent"], again["kept"]), (0, 5))
        # What cannot be looked at is sent.
        registry.fault = "shut"
        again = self.pushed(registry, login=True)
        self.assertEqual((again["sent"], again["kept"]), (5, 0))

    def test_a_push_that_was_killed_goes_on(self):
        registry = self.registry()
        done = self.push(registry, env={"KINGPOST_KILL_AT": "containerize_blob_pushed:2"})
        self.assertEqual(done.code, -9, str(done))
        self.assertEqual((len(registry.blobs), registry.manifests), (2, {}))
        after = self.pushed(registry)
        self.assertEqual((after["sent"], after["kept"]), (3, 2))

    def test_users_are_let_in(self):
        for access in ("basic", "bearer"):
            with self.subTest(access):
                registry = self.registry(access)
                text = self.refused("containerize.registry_denied", registry)
                self.assertIn("docker login", text)
                self.assertEqual(self.pushed(registry, login=True)["sent"], 5)

    def test_secrets_do_not_go_elsewhere(self):
        registry = self.registry("bearer", "realm")
        self.refused("containerize.registry_denied", registry, login=True)
        self.project.write("docker/config.json", "{")
        done = self.containerize("./late", "--push", f"{registry.host}/late")
        self.assertIn("error[containerize.credentials_malformed]", done.err)

    def test_odd_answers_are_told(self):
        for fault in ("nowhere", "full"):
            with self.subTest(fault):
                registry = self.registry("open", fault)
                text = self.refused("containerize.registry_refused", registry)
                self.assertNotIn("\x1b", text)
        self.assertIn("NO_ROOM", text)
        self.refused("containerize.registry_unreachable", self.registry("open", "file"))
        self.refused("containerize.registry_denied", self.registry("open", "forbidden"))
        registry = self.registry("open", "other")
        done = self.push(registry)
        self.assertIn("error[containerize.registry_refused]", done.err)
        self.assertIn("keeps", done.err)

    def test_a_push_that_failed_can_be_repeated_with_its_folder(self):
        registry = self.registry("open", "full")
        self.refused_with(registry, "--out", "kept")
        self.assertEqual(list(self.project.folder.glob("kept*")), [])
        registry.fault = None
        self.assertEqual(self.pushed(registry, "--out", "kept")["sent"], 5)
        self.assertEqual(sorted(path.name for path in self.project.folder.glob("kept*")),
                         ["kept", "kept.lock.json"])

    def refused_with(self, registry, *words):
        done = self.push(registry, *words)
        self.assertIn("error[containerize.registry_refused]", done.err)

    def test_what_skopeo_login_left_is_read(self):
        registry = self.registry("basic")
        auths = json.dumps({"auths": {registry.host: {"auth": "dTpw"}}})
        for place, name in (("XDG_RUNTIME_DIR", "containers/auth.json"),
                            ("XDG_CONFIG_HOME", "containers/auth.json"),
                            ("REGISTRY_AUTH_FILE", "auth.json")):
            with self.subTest(place):
                folder = self.project.folder / place
                (folder / name).parent.mkdir(parents=True)
                self.project.write(f"{place}/{name}", auths)
                where = folder / name if place == "REGISTRY_AUTH_FILE" else folder
                self.pushed(registry, env={place: str(where)})
                self.project.write(f"{place}/{name}", "{")
                done = self.push(registry, env={place: str(where)})
                self.assertIn("error[containerize.credentials_malformed]", done.err)
                self.assertIn(name, done.err)

    def test_a_repository_has_users_of_its_own(self):
        wrong, right = {"auth": "eDp5"}, {"auth": "dTpw"}
        registry = self.registry("bearer")
        for auths, is_in in (({"": wrong, "/team/late": right}, True),
                             ({"": wrong, "/team": right}, True),
                             ({"": right, "/team": wrong}, False),
                             ({"/team": right, "/team/late": wrong}, False),
                             ({"": right, "/tea": wrong, "/team/later": wrong}, True)):
            with self.subTest(auths):
                self.project.write("auth.json", json.dumps(
                    {"auths": {registry.host + key: value for key, value in auths.items()}}))
                where = {"REGISTRY_AUTH_FILE": str(self.project.folder / "auth.json")}
                if is_in:
                    self.pushed(registry, env=where)
                else:
                    done = self.push(registry, env=where)
                    self.assertIn("error[containerize.registry_denied]", done.err)

    @unittest.skipUnless(has_six(), "no IPv6 on this machine")
    def test_a_registry_at_an_address_of_ipv6(self):
        for access in ("open", "basic", "bearer"):
            with self.subTest(access):
                registry = self.registry(access, address="::1")
                pushed = self.pushed(registry, login=True)
                self.assertEqual((pushed["ref"], pushed["sent"]),
                                 (f"{registry.host}/team/late:1", 5))
        self.refused("containerize.registry_denied", self.registry("basic", address="::1"))

    def test_what_only_a_push_takes_is_refused_without_one(self):
        for words in (("--insecure",), ("--mount-from", "team/base")):
            done = self.containerize("./late", "--out", "none", *words)
            self.assertIn("error[containerize.no_effect]", done.err)

    def test_a_tag_to_mount_from_is_refused(self):
        done = self.push(self.registry(), "--mount-from", "team/base:3")
        self.assertIn("error[containerize.no_effect]: the tag 3 of --mount-from", done.err)

    def test_the_repository_to_mount_from_is_one(self):
        done = self.push(self.registry(), "--mount-from", "../x")
        self.assertIn("error[containerize.ref_malformed]", done.err)

    def test_a_registry_elsewhere_is_spoken_to_by_tls(self):
        registry = self.registry()
        self.project.write("docker/config.json", "{}")
        name = f"localhost.localdomain:{registry.port}/late"
        done = self.containerize("./late", "--push", name)
        self.assertIn("error[containerize.registry_unreachable]", done.err)
        self.assertIn("https://", done.err)

    def test_without_libcurl_nothing_can_be_pushed(self):
        shutil.copy(LIBRARY, self.project.folder / "drivers/libcurl.so.4")
        registry = self.registry()
        self.refused("containerize.curl_missing", registry,
                     env={"LD_LIBRARY_PATH": str(self.project.folder / "drivers")})

    def test_a_pipeline_file_that_lies_about_is_not_read(self):
        self.project.write("compose.yaml", "version: 3\n")
        self.addCleanup((self.project.folder / "compose.yaml").unlink)
        self.assertEqual(self.pushed(self.registry())["sent"], 5)


if __name__ == "__main__":
    unittest.main()
