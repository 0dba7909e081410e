"""Each checker passes a small good checkout and fails on each way of breaking it."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import check_errors
import check_layers
import check_map
import check_sizes
import check_words
import checking


class CheckTest(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def passes(self, checker):
        self.assertEqual(checker.check(self.root), [])

    def fails(self, checker, *expected):
        problems = checker.check(self.root)
        self.assertEqual(len(problems), len(expected), problems)
        for problem, part in zip(problems, expected):
            self.assertIn(part, problem)


class Layers(CheckTest):
    def include(self, where, *lines):
        self.write(where, "".join(f"#include {line}\n" for line in lines))

    def test_downward_and_own_includes_pass(self):
        self.include("src/base/format.h", "<fmt/core.h>", "<string>")
        self.include("src/engines/sql/a.cpp", '"engines/sql/a.h"', '"base/b.h"',
                     "<arrow-adbc/adbc.h>")
        self.include("src/steps/03_clean/a.cpp", '"steps/step.h"', '"store/s.h"', "<sys/stat.h>")
        self.include("src/base/a_test.cpp", "<gtest/gtest.h>", '"support/harness.h"')
        self.include("src/main.cpp", '"cli/cli.h"')
        self.passes(check_layers)

    def test_upward_include(self):
        self.include("src/base/a.h", "<string>", '"store/s.h"')
        self.fails(check_layers, "src/base/a.h:2: base lies below store")

    def test_levels_and_siblings(self):
        self.include("src/store/a.h", '"protocols/p.h"')
        self.include("src/engines/sql/a.cpp", '"engines/yaml/yaml.h"')
        self.include("src/steps/03_clean/a.cpp", '"steps/01_ingest/ingest.h"')
        self.include("src/steps/step.cpp", '"steps/01_ingest/ingest.h"')
        self.fails(check_layers, "sql includes its sibling engines/yaml",
                   "03_clean includes its sibling steps/01_ingest",
                   "steps includes its sibling steps/01_ingest", "on one level")

    def test_third_party_headers(self):
        self.include("src/base/a.cpp", "<yaml-cpp/yaml.h>", "<left_pad.h>", "<gtest/gtest.h>")
        self.include("src/store/s.h", "<soci/soci.h>")
        self.fails(check_layers, "a.cpp:1: <yaml-cpp/yaml.h> belongs to src/engines/yaml",
                   "a.cpp:2: <left_pad.h> has no owner",
                   "a.cpp:3: <gtest/gtest.h> belongs to tests",
                   "cannot show in a header")

    def test_unknown_folder_and_bare_name(self):
        self.include("src/util/u.h", "<string>")
        self.include("src/base/a.cpp", '"a.h"', '// #include "x.h"', '"support/harness.h"')
        self.fails(check_layers, "src/util:1: is no known layer", '"a.h" does not begin with',
                   '"support/harness.h" does not begin with')


class Sizes(CheckTest):
    def test_limits(self):
        self.write("src/base/a.cpp", "\n" * 501)
        self.write("src/base/a.h", "\n" * 251)
        self.write("src/base/a_test.cpp", "\n" * 801)
        self.write("src/main.cpp", "\n" * 41)
        self.write("MAP.md", "\n" * 81)
        self.write("src/base/b.cpp", "//" + "x" * 99)
        self.fails(check_sizes, "a.cpp:1: lines 501", "a.h:1: lines 251", "a_test.cpp:1: lines 801",
                   "columns 101", "main.cpp:1: lines 41", "MAP.md:1: lines 81")

    def test_at_the_limits(self):
        self.write("src/base/a.cpp", "\n" * 500)
        self.write("src/base/b.cpp", "//" + "x" * 98 + "\n")
        self.passes(check_sizes)

    def test_functions(self):
        body = "  f(\"}\");  // }\n" * 57
        self.write("src/base/a.cpp", "namespace a {\nstruct S { int x = 1; S() : x{2} {} };\n"
                   "const int list[] = {1, 2};\ntemplate <class T>\nint fits(T t) {\n" + body +
                   "}\nint S::long_one(int a = 1) const {\n  if (a) {\n" + body + "  }\n\n}\n}\n")
        self.fails(check_sizes, "a.cpp:64: function:S::long_one 62, at most 60")

    def test_constructors_lambdas_and_raw_strings(self):
        self.write("src/base/a.cpp", "A::A(int b) : b_(b), c_{b} {\n" + "  g();\n" * 60 + "}\n"
                   "void h() {\n  run([] {\n" + "\n" * 60 + "  });\n}\n"
                   'const char* text = R"({{{\n' + "\n" * 70 + ')";\n')
        self.fails(check_sizes, "a.cpp:1: function:A::A 62", "a.cpp:63: function:h 64")

    def waive(self, *rows):
        self.write(check_sizes.WAIVERS, "".join(row + "\n" for row in rows))

    def test_waivers(self):
        self.write("src/base/a.cpp", "\n" * 510)
        self.waive("src/base/a.cpp lines 510")
        self.passes(check_sizes)
        self.waive("src/base/a.cpp lines 520")
        self.fails(check_sizes, "waived to 520")
        self.write("src/base/a.cpp", "\n" * 10)
        self.fails(check_sizes, "needs no waiver")
        self.waive("src/base/gone.cpp lines 520")
        self.fails(check_sizes, "has no such lines")

    def test_waivers_only_shrink(self):
        def git(*arguments):
            subprocess.run(["git", "-C", str(self.root), "-c", "user.name=t", "-c",
                            "user.email=t@example.org", *arguments], check=True,
                           capture_output=True)
        git("init")
        self.write("src/base/a.cpp", "\n" * 510)
        self.waive("src/base/a.cpp lines 510")
        git("add", ".")
        git("commit", "-m", "one")
        self.passes(check_sizes)
        self.write("src/base/a.cpp", "\n" * 511)
        self.waive("src/base/a.cpp lines 511")
        self.fails(check_sizes, "size_waivers.txt:1: src/base/a.cpp lines 511: waivers may only")
        git("commit", "-a", "-m", "two")
        self.fails(check_sizes, "waivers may only shrink")


class Words(CheckTest):
    def write_all(self, words):
        rows = "".join(f'    {{{n}, "{word}", "reads", run}},\n' for n, word in enumerate(words, 1))
        self.write("src/lifecycle/lifecycle.cpp", f"const Row kRows[] = {{\n{rows}}};\n")
        self.write("README.md", "| # | step |\n| --- | --- |\n" + "".join(
            f"| {n} | `{word}` | text |\n" for n, word in enumerate(words, 1)))

    def test_all_agree(self):
        self.write_all(checking.WORDS)
        self.write("src/steps/03_clean/clean.md", "# clean\n")
        self.write("src/steps/step.h", "")
        self.passes(check_words)

    def test_exchanged_rows(self):
        words = list(checking.WORDS)
        words[2], words[3] = words[3], words[2]
        self.write_all(words)
        self.fails(check_words, "lifecycle.cpp:4: row 3 is standardise, expected clean",
                   "README.md:5: row 3 is standardise, expected clean")

    def test_missing_row(self):
        self.write_all(checking.WORDS[:-1])
        self.fails(check_words, "row 22, retrain_or_retire, is missing", "is missing")

    def test_folders(self):
        self.write("src/steps/01_ingestion/a.md", "")
        self.write("src/steps/02_validate_data/a.md", "")
        self.write("src/steps/03_clean/clean.md", "# tidy\n")
        self.write("src/steps/helpers/a.md", "")
        self.fails(check_words, "step 1 is called ingest", "has no page validate_data.md",
                   "does not name clean", "helpers:1: is no NN_word")


class Map(CheckTest):
    def test_good(self):
        self.write("src/base/a.h", "")
        self.write("src/steps/03_clean/clean.cpp", "")
        self.write("build/x", "")
        self.write("MAP.md", "`src/` all\n`src/base/` low, see `src/base/a.h`\n`src/steps/` steps: "
                   "`src/steps/NN_word/word.cpp`\n`.kingpost/objects` later, `kingpost run`\n")
        self.passes(check_map)

    def test_bad(self):
        self.write("src/base/a.h", "")
        self.write("docs/a.md", "")
        self.write("MAP.md", "`src/` all\n`src/base/b.h`\n")
        self.fails(check_map, "MAP.md:2: src/base/b.h does not exist", "no line for `docs/`",
                   "no line for `src/base/`")

    def test_missing(self):
        self.fails(check_map, "is missing")


class Errors(CheckTest):
    SOURCE = 'return fail(Code::kNotFound,\n    "ingest.file_missing", "no {}", "ingest.yaml");\n'

    def test_good(self):
        self.write("src/base/a.cpp", self.SOURCE + '// "ingest.not_one"\n'
                   'f("ingest.key");  // not an error id\n')
        self.write("docs/errors.md", "`ingest.file_missing`: see `ingest.csv`\n")
        self.write("tests/golden/a.txt", "error[ingest.file_missing]")
        self.passes(check_errors)

    def test_neither_explained_nor_tested(self):
        self.write("src/base/a.cpp", self.SOURCE + 'auto id = "ingest.other";\n'
                   'fault(mark, "yaml.alias", "x");\n')
        self.write("docs/errors.md", "`ingest.file_missing`, `clean.gone`\n")
        self.write("src/base/a_test.cpp", '"ingest.file_missing_too" "ingest.other"')
        self.fails(check_errors, "a.cpp:2: ingest.file_missing appears in no test",
                   "a.cpp:3: ingest.other is not explained", "a.cpp:4: yaml.alias is not explained",
                   "a.cpp:4: yaml.alias appears in no test",
                   "docs/errors.md:1: clean.gone is in no source file")


if __name__ == "__main__":
    unittest.main()
