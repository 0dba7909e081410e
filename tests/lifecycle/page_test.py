# SPDX-License-Identifier: Apache-2.0
"""The page of a served model, in a real Chromium: tried, misused, and never run by its data."""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import chromium  # noqa: E402
import onnx_files  # noqa: E402
from project import KINGPOST  # noqa: E402
from serving import Served, made_rows  # noqa: E402

CLICK = "document.querySelector('button[type=submit]').click()"


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = Path(tempfile.mkdtemp(prefix="kingpost-test-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.base)
        # A category that would run if it were taken for markup.
        evil = "<img src=x onerror=document.title='run'>"
        (cls.base / "houses.csv").write_text(made_rows().replace("castle", "flat").replace(
            "villa", f'"{evil}"'))
        (cls.base / "cube.onnx").write_bytes(onnx_files.identity("x", [None, 2, 2]))
        for words in (["init", "houses.csv", "--target", "price"],):
            subprocess.run([KINGPOST, *words], cwd=cls.base, check=True, capture_output=True)
        with (cls.base / "kingpost.yaml").open("a") as file:
            file.write("candidates: {baseline: {family: constant}, gbdt: {family: lightgbm}}\n")
        for words in (["run", "--quiet"], ["package", "bundle"]):
            subprocess.run([KINGPOST, *words], cwd=cls.base, check=True, capture_output=True)
        cls.served = Served("--model", f"houses={cls.base / 'bundle'}", "--model",
                            f"cube={cls.base / 'cube.onnx'}")
        cls.addClassCleanup(cls.served.end)

    def test_without_a_browser(self):
        code, headers, _ = self.served.ask("GET", "/")
        self.assertEqual((code, headers["Location"]), (302, "models/cube"))
        code, headers, body = self.served.ask("GET", "/models/houses")
        self.assertEqual(code, 200)
        self.assertIn("default-src 'self'", headers["Content-Security-Policy"])
        self.assertNotIn(b"houses", body)
        for name in ("model.css", "model.js"):
            self.assertEqual(self.served.ask("GET", f"/pages/{name}")[0], 200)
        for path in ("/pages/model.html", "/pages/../x", "/pages/", "/pages/about/none"):
            self.assertEqual(self.served.ask("GET", path)[0], 404)
        about = self.served.json("GET", "/pages/about/houses")
        self.assertEqual([each["name"] for each in about["inputs"]],
                         about["example"]["columns"])
        self.assertEqual(self.served.json("GET", "/pages/about/cube")["inputs"], [])

    @unittest.skipUnless(chromium.PROGRAM, "there is no chromium here")
    def test_in_chromium(self):
        page = chromium.Page(f"http://127.0.0.1:{self.served.port}/models/houses")
        self.addCleanup(page.end)
        page.wait("document.querySelectorAll('#fields input').length === 2")
        self.assertEqual(page.run("document.getElementById('name').textContent"), "houses")
        page.run(CLICK)
        shown = page.wait("document.querySelector('#answer strong')?.textContent")
        example = json.loads((self.base / "bundle/input_example.json").read_text())
        row = dict(zip(example["columns"], example["data"][0]))
        wanted = self.served.json("POST", "/v1/models/houses:explain", json.dumps([row]))
        self.assertAlmostEqual(float(shown) / wanted["predictions"][0]["prediction"], 1, places=5)
        page.wait("!document.getElementById('reasons').hidden")
        features = page.run("[...document.querySelectorAll('#parts tbody td:first-child')]"
                            ".map(each => each.textContent)")
        self.assertEqual(features, [each["feature"] for each in
                                    wanted["explanations"][0]["contributions"]][:12])
        # The line to copy asks the same.
        curl = page.run("document.getElementById('curl').textContent")
        done = subprocess.run(["sh", "-c", curl], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["predictions"], wanted["predictions"])
        page.run("""(() => { const field = document.getElementById('field-kind');
            field.value = "<img src=x onerror=document.title='run'>";
            document.getElementById('field-area').value = "it's";
            field.dispatchEvent(new Event('input')); })()""")
        page.run(CLICK)
        page.wait("document.querySelector('#fields .error')?.textContent.includes('is not a')")
        self.assertTrue(page.run("document.getElementById('field-area').className === 'wrong'"))
        page.run("document.getElementById('field-area').value = '80'")
        page.run(CLICK)
        page.wait("document.querySelectorAll('#fields .error').length === 0")
        page.wait("!document.getElementById('reasons').hidden")
        self.assertEqual(page.run("document.title"), "houses")
        scripts = [each for each in page.complaints if "exceptionDetails" in each]
        self.assertEqual(scripts, [])


if __name__ == "__main__":
    unittest.main()
