"""Nothing that comes from outside may run, leave its folder, fill the disk, or tell a secret."""

from __future__ import annotations

import ast
import json
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

import clickprompt
from clickprompt.language import build_encoder, build_text_to_text
from clickprompt.secrets import masked
from clickprompt.settings import ClickPromptError
from clickprompt.storage import read_manifest, write_manifest
from clickprompt.table import DataConfig, prepare_table
from clickprompt.table.sources import fetch
from clickprompt.testing.tables import tiny_data_config, write_tiny_clicks
from clickprompt.workflows import SilentProgress, parse_recipe
from clickprompt.workflows.progress import PlainProgress
from clickprompt.workflows.recipe import dump_recipe, load_recipe
from clickprompt.workflows.report import ReportData, render_report

SOURCE = Path(clickprompt.__file__).parent
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
RUNS_CODE = {"eval", "exec", "compile", "__import__", "execfile"}


def calls(tree: ast.AST):
    """Each call, with its dotted name and keyword arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


def faults(source: str) -> list[str]:
    """What of a module could run code that comes from outside."""
    tree, found = ast.parse(source), []
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"import {name}" for name in names if name.split(".")[0] in PICKLES]
    for name, words in calls(tree):
        last = name.rpartition(".")[2]
        if name in RUNS_CODE or name in ("os.system", "os.popen") or "pickle" in name:
            found.append(name)
        if name in ("torch.load", "np.load", "numpy.load") and (
            words.get("weights_only") != "True"
            if name == "torch.load"
            else words.get("allow_pickle", "False") != "False"
        ):
            found.append(name)
        if name in ("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load") and (
            words.get("Loader") not in ("yaml.SafeLoader", "_StrictLoader")
        ):
            found.append(name)
        if words.get("trust_remote_code", "False") != "False" or words.get("shell", "False") != "False":
            found.append(f"{name}({words})")
        named = name.endswith("Config.from_pretrained") and "Auto" not in name  # a class of its own runs no other code
        if last == "from_pretrained" and "trust_remote_code" not in words and not named:
            found.append(f"{name} without trust_remote_code=False")
        if last == "Environment" and "jinja2" in name and words.get("autoescape") != "True":
            found.append(name)
        if last in ("extractall", "unpack_archive"):
            found.append(name)
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "AutoModel.from_pretrained(name)",
        "subprocess.run(line, shell=True)",
        "jinja2.Environment(loader=loader)",
        "file.extractall(folder)",
    ],
)
def test_the_search_finds_what_it_looks_for(source):
    assert faults(source)


def test_no_module_runs_code_from_outside():
    modules = sorted(SOURCE.rglob("*.py"))
    assert len(modules) > 100
    found = {str(path.relative_to(SOURCE)): faults(path.read_text()) for path in modules}
    assert {name: some for name, some in found.items() if some} == {}


def test_the_loader_of_recipes_makes_plain_values_alone(tmp_path):
    (tmp_path / "a.yaml").write_text("data: !!python/object/apply:os.system ['touch made']\n")
    with pytest.raises(ClickPromptError, match="could not determine a constructor"):
        load_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize("build", [build_encoder, build_text_to_text])
def test_a_bundle_that_names_code_is_refused(build):
    with pytest.raises(ClickPromptError, match="names code to run"):
        build({"model_type": "bert", "auto_map": {"AutoModel": "modeling_evil.EvilModel"}})


def tampered(folder: Path, file: str, target: Path) -> None:
    """A folder whose manifest lists another file besides, with the right sum."""
    folder.mkdir()
    (folder / "data.txt").write_text("data")
    write_manifest(folder, "about.json", {}, kind="thing", version=1)
    manifest = json.loads((folder / "about.json").read_text())
    from clickprompt.storage import _manifest_sha256, sha256_of

    del manifest["manifest_sha256"]
    manifest["files"][file] = sha256_of(target)
    (folder / "about.json").write_text(json.dumps({**manifest, "manifest_sha256": _manifest_sha256(manifest)}))


@pytest.mark.parametrize(
    "file", ["../outside.txt", "inside/../../outside.txt", "{absolute}", "link.txt", "way/outside.txt"]
)
def test_manifests_lead_nowhere_else(tmp_path, file):
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    file = file.format(absolute=outside)
    tampered(tmp_path / "a", file, outside)
    (tmp_path / "a" / "link.txt").symlink_to(outside)
    (tmp_path / "a" / "way").symlink_to(tmp_path)
    with pytest.raises(ClickPromptError, match="which lies outside of it; do not use this folder"):
        read_manifest(tmp_path / "a", "about.json", kind="thing", version=1)


def test_a_folder_that_is_a_link_itself_is_read(tmp_path):
    tampered(tmp_path / "a", "data.txt", Path(__file__))
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "real").mkdir()
    write_manifest(tmp_path / "real", "about.json", {}, kind="thing", version=1)
    (tmp_path / "a").symlink_to(tmp_path / "real")
    read_manifest(tmp_path / "a", "about.json", kind="thing", version=1)


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/"), content)
    return path


def test_archives_that_unpack_to_too_much_are_refused(tmp_path, monkeypatch):
    bomb = archive(tmp_path / "bomb.zip", a=bytes(600_000), b=bytes(600_000))
    assert bomb.stat().st_size < 5_000
    monkeypatch.setattr(fetch, "_LARGEST_FILE", 1_000_000)
    assert set(fetch.unpack(bomb, {"a": "a"})) == {"a"}
    with pytest.raises(ClickPromptError, match=r"bomb\.zip: b is too large: .* 1,200,000 bytes, .* 1,000,000"):
        fetch.unpack(bomb, {"a": "a", "b": "b"})


def test_archives_that_lie_about_their_size_are_refused(tmp_path):
    path = archive(tmp_path / "liar.zip", a=bytes(100_000))
    content = path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(content)
    with pytest.raises(ClickPromptError, match=r"liar\.zip: not the expected archive"):
        fetch.unpack(path, {"a": "a"})


def test_members_are_kept_under_plain_names_alone(tmp_path):
    path = archive(tmp_path / "a.zip", a=b"x")
    with pytest.raises(ValueError, match="no plain file name"):
        fetch.unpack(path, {"a": "../a"})


def test_nothing_is_fetched_unencrypted(tmp_path, monkeypatch):
    with pytest.raises(ClickPromptError, match=r"http://host/a\.zip: not an https address"):
        fetch.download("http://host/a.zip", tmp_path / "a", "", SilentProgress())

    class Answer(SimpleNamespace):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: Answer(url="http://elsewhere/a.zip"))
    with pytest.raises(ClickPromptError, match=r"http://elsewhere/a\.zip: not an https address"):
        fetch.download("https://host/a.zip", tmp_path / "a", "", SilentProgress())


SECRET = "hunter2"
ADDRESS = f"https://me:{SECRET}@host/clicks.csv?x=1&X-Amz-Signature={SECRET}&y=2"


def test_secrets_are_struck_out_of_texts():
    assert masked(ADDRESS) == "https://***@host/clicks.csv?x=1&X-Amz-Signature=***&y=2"
    assert masked("s3://key:a@b@bucket/x and hf_abcdefghijklmnop1234") == "s3://***@bucket/x and hf_***"
    for plain in ("https://host/a?b=c", "me@host", "a/b@c://d", "hf_short", "user: token=x"):
        assert masked(plain) == plain


def test_secrets_are_in_no_error_recipe_manifest_or_log(tmp_path, capsys):
    secret_folder = tmp_path / f"https:/me:{SECRET}@host"
    write_tiny_clicks(secret_folder, rows=200)
    data = tiny_data_config(secret_folder)
    data["source"]["path"] = f"{tmp_path}/https://me:{SECRET}@host/clicks.csv"
    settings = DataConfig.model_validate(data)
    prepare_table(settings, tmp_path / "prepared", PlainProgress())
    assert SECRET not in (tmp_path / "prepared" / "manifest.json").read_text()
    inputs = (tmp_path / "prepared.inputs.json").read_text()
    assert SECRET not in inputs
    assert "https://***@host/clicks.csv" in inputs
    recipe = {"data": data, "method": {"kind": "id-only"}, "language_model": None}
    assert SECRET not in dump_recipe(parse_recipe(recipe))
    with pytest.raises(ClickPromptError) as caught:
        prepare_table(
            DataConfig.model_validate({**data, "source": {**data["source"], "label": "none"}}),
            tmp_path / "b",
            PlainProgress(),
        )
    assert SECRET not in str(caught.value)
    PlainProgress().say(f"reading {ADDRESS}")
    captured = capsys.readouterr()
    assert SECRET not in captured.out + captured.err
    assert "https://***@host" in captured.err


def test_tokens_in_the_environment_are_in_no_report(monkeypatch):
    from clickprompt.workflows.report_data import environment

    monkeypatch.setenv("HF_TOKEN", "hf_" + "s" * 30)
    recipe = parse_recipe(
        {
            "data": {"source": {"kind": "movielens-1m"}},
            "method": {"kind": "id-only"},
            "language_model": None,
            "ctr_model": {"kind": "dnn", "embedding_dim": 4, "hidden_sizes": [8]},
        }
    )
    assert "hf_sss" not in json.dumps(environment(recipe)) + dump_recipe(recipe)


def test_errors_are_one_line_whatever_they_quote():
    assert str(ClickPromptError("a\nb\0c\u2028d\ud800")) == "a\\nb\\x00c\\u2028d\\ud800"
    assert len(str(ClickPromptError("x" * 10**6 + " do this"))) < 2_100
    assert str(ClickPromptError("x" * 10**6 + " do this")).endswith(" do this")


def test_reports_escape_what_comes_from_data():
    evil = "<script>alert(1)</script>"
    models = [f"{evil}a", f"{evil}b"]
    records = [
        {"model": model, "split": "test", "rows": 10, "auc": 0.6, "log_loss": 0.5, "seed": 1} for model in models
    ]
    history = [
        {"model": model, "phase": "finetune", "step": step, "epoch": step, "train_loss": 1.0, "validation_auc": 0.5}
        for model in models
        for step in (1, 2)
    ]
    page = render_report(
        ReportData(title=evil, recipe=f"x: {evil}", history=history, results=records, environment={evil: evil})
    )
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
