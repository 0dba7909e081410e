# SPDX-License-Identifier: Apache-2.0
"""The lists of a bundle's parts, by the validators of SPDX and CycloneDX."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST  # noqa: E402
from serving import made_rows  # noqa: E402


@pytest.fixture(scope="module", params=["", "vars: {now: '2026-01-02T03:04:05Z'}\n"
                                            "package: {licence: MIT OR Apache-2.0}\n",
                                        "package: {licence: MIT OR (LicenseRef-ours AND "
                                        "LicenseRef-theirs)}\n"])
def bundle(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sbom")
    (folder / "houses.csv").write_text(made_rows())
    for words in (["init", "houses.csv", "--target", "price"], ["run", "--quiet"],
                  ["package", "bundle"]):
        subprocess.run([KINGPOST, *words], cwd=folder, check=True, capture_output=True)
        if words[0] == "init":
            with (folder / "kingpost.yaml").open("a") as file:
                file.write(request.param)
    return folder / "bundle"


def test_spdx(bundle):
    document = parse_file(str(bundle / "sbom.spdx.json"))
    assert [each.validation_message for each in validate_full_spdx_document(document)] == []
    own = {each.license_id: each.extracted_text for each in document.extracted_licensing_info}
    licence = json.loads((bundle / "licences.json").read_text())[0]["licence"] or ""
    assert own == {each: "NOASSERTION" for each in ("LicenseRef-ours", "LicenseRef-theirs")
                   if each in licence}
    names = {each.name for each in document.packages}
    assert {"houses_price", "kingpost", "onnxruntime"} <= names


def test_cyclonedx(bundle):
    text = (bundle / "sbom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    files = {each["name"]: each["hashes"][0]["content"]
             for each in json.loads(text)["components"] if each["type"] == "file"}
    sums = dict(reversed(line.split("  ")) for line in
                (bundle / "SHA256SUMS").read_text().splitlines())
    assert {name: sums[name] for name in files} == files and len(files) > 10
