"""What the repository may hold, and what its locks must."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
STAND_INS = PYPROJECT["tool"]["uv"]["sources"]
LOCKS = ("core.txt", "image.txt", "test.txt", "cuda.txt")
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff"}
# Written in pieces, so that this file does not hold what it looks for.
MACHINE = re.compile(
    rb"(?<![\w.~:}-])/(" + b"work/(main|shared)|tm" + b"p/|ro" + b"ot/|opt/(wheels|pypi)|home/(?!thatlook)" + rb"\w*)"
)
REGISTRY = re.compile(
    rb"py" + rb"pi\.(org|python)|python" + rb"hosted\.org|registry\.npm" + rb"js|download\.py" + rb"torch\.org/whl"
)

TRAINING = (
    "torch,torchvision,ultralytics,mmpose,mmengine,mmcv,open_clip,timm,onnx,onnxscript,pycocotools,scipy,sklearn,"
    "pytorch_metric_learning,matplotlib,ai_edge_litert,pytest,hypothesis,milvus"
)
IMPORT_ALL = """
import importlib, pkgutil, sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in set(sys.argv[1].split(",")):
            raise ModuleNotFoundError(f"{name} is not installed where thatlook only serves", name=name)

sys.meta_path.insert(0, Forbidden())
SPEED = tuple(f"benchmarks.speed.report.{name}" for name in ("canvas", "plots", "report"))
TRAINING = ("models.train", "models.export", "models.architectures", "benchmarks.quality.retrieval.text", *SPEED)

def walk(name):
    if name.startswith(TRAINING):
        return
    module = importlib.import_module(name)
    print(name)
    for inner in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if inner.name != "__main__":
            walk(f"{name}.{inner.name}")

for package in ("thatlook", "engine", "models", "ingest", "api", "benchmarks"):
    walk(package)
"""


@cache
def repository_files() -> tuple[Path, ...]:
    """Every file that is, or would be, committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = (ROOT / name.decode() for name in listed.split(b"\0") if name)
    return tuple(path for path in paths if path.is_file())


def pins(lock: str) -> dict[str, str]:
    """Package → version of a lock file, our stand-ins aside."""
    lines = (ROOT / "requirements" / lock).read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and line[0] not in "#-."]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in requirements}


def test_weights_stay_small() -> None:
    """All starter weights together are at most 60 MB."""
    sizes = {path: path.stat().st_size for path in repository_files() if path.is_relative_to(ROOT / "models/weights")}
    assert sum(sizes.values()) <= 60_000_000, sizes


def test_pictures_stay_small() -> None:
    """No picture above 400 kB outside docs/images, and none above 2 MB there."""
    for path in repository_files():
        if path.suffix.lower() in PICTURES:
            limit = 2_000_000 if path.is_relative_to(ROOT / "docs/images") else 400_000
            assert path.stat().st_size <= limit, path


def test_no_file_names_a_machine_or_a_registry() -> None:
    """Nothing committed depends on where it was made or where packages come from."""
    found = [
        f"{path.relative_to(ROOT)}: {match[0].decode()}"
        for path in repository_files()
        if path.suffix not in {".onnx", *PICTURES}
        for pattern in (MACHINE, REGISTRY)
        if (match := pattern.search(path.read_bytes()))
    ]
    assert not found


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_pin_exactly_and_name_no_address(lock: str) -> None:
    """Every line is `name==version`, one of our stand-ins by path, or the constraints beside it."""
    lines = (ROOT / "requirements" / lock).read_text().splitlines()
    good = re.compile(r"[\w.-]+==[\w.]+( ; [\w\s.'!=<>()]+)?|\./packaging/[\w-]+|-c cuda\.txt|#.*")
    assert [line for line in lines if not good.fullmatch(line)] == []


def test_locks_agree() -> None:
    """What the core pins, the image and the test lock pin alike; CUDA's packages are constraints and nothing more."""
    core, image, everything, cuda = map(pins, LOCKS)
    assert core.items() <= image.items() <= everything.items()
    assert not cuda.keys() & everything.keys()
    assert all(re.match(r"(cuda|nvidia)-|triton$", name) for name in cuda)
    assert "torch" in everything
    assert everything["torch"].count("+") == 0


@pytest.mark.parametrize(
    ("lock", "groups"), [("core.txt", ()), ("test.txt", ("train", "dev"))], ids=["core", "core, train and dev"]
)
def test_locks_satisfy_the_project(lock: str, groups: tuple[str, ...]) -> None:
    """A requirement added to pyproject.toml without `make lock` fails here."""
    locked = pins(lock)
    of_groups = [line for group in groups for line in PYPROJECT["dependency-groups"][group]]
    for requirement in map(Requirement, PYPROJECT["project"]["dependencies"] + of_groups):
        if requirement.name in STAND_INS:
            continue
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: run make lock"
        assert requirement.specifier.contains(Version(version)), f"{requirement}, locked {version}"


def test_the_image_has_the_extras_that_its_settings_switch_on() -> None:
    """THATLOOK_MCP, THATLOOK_OTEL and THATLOOK_REDIS_URL reach the container, and so do the packages that they need."""
    extras = PYPROJECT["project"]["optional-dependencies"]
    wanted = {canonicalize_name(Requirement(line).name) for name in ("mcp", "otel", "redis") for line in extras[name]}
    assert wanted <= pins("image.txt").keys()


def test_core_lock_serves_without_training_libraries() -> None:
    """Nothing of torch's family is in the core lock."""
    training = {"torch", "torchvision", "ultralytics", "mmpose", "mmengine", "mmcv-lite", "open-clip-torch", "timm"}
    assert not training & pins("core.txt").keys()
    assert not [name for name in pins("core.txt") if name.startswith(("nvidia-", "triton"))]


def test_stand_ins_are_those_of_the_lock() -> None:
    """The folders under packaging/ are the ones locked, and opencv-python follows its headless build."""
    lines = (ROOT / "requirements/test.txt").read_text().splitlines()
    assert {line for line in lines if line.startswith("./")} == {
        f"./packaging/{path.parent.name}" for path in (ROOT / "packaging").glob("*/pyproject.toml")
    }
    opencv = tomllib.loads((ROOT / "packaging/opencv-python/pyproject.toml").read_text())["project"]
    assert opencv["dependencies"] == [f"opencv-python-headless=={opencv['version']}"]
    assert pins("core.txt")["opencv-python-headless"] == opencv["version"]


def test_the_image_holds_every_package_of_the_wheel() -> None:
    """A package that pyproject.toml names is let through to the build, and copied."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = (ROOT / "Dockerfile").read_text().splitlines()
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    for package in wheel["packages"]:
        assert f"COPY {package} {package}" in copied
        assert f"!{package}" in let_through


@pytest.mark.integration
def test_serving_imports_no_training_library() -> None:
    """Every module but those of training, export, plots and learned baselines needs only what the core lock has."""
    command = [sys.executable, "-W", "error", "-c", IMPORT_ALL, TRAINING]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    assert {"engine.retrieval.search", "models.runtime", "api.app", "ingest.commands"} <= set(outcome.stdout.split())


def test_every_decision_is_dated_and_in_the_index() -> None:
    """Its title and status stand in docs/adr/README.md as in its own file."""
    index = (ROOT / "docs/adr/README.md").read_text("utf-8")
    for path in sorted((ROOT / "docs/adr").glob("[0-9]*.md")):
        heading, _, status, *_ = path.read_text("utf-8").splitlines()
        number, title = re.fullmatch(r"# (\d{4}): (.+)", heading).groups()  # type: ignore[union-attr]
        stands = re.fullmatch(r"\*(\w+), (\d{4}-\d\d-\d\d)\.\*", status)
        assert stands, f"{path.name} has no line such as *Accepted, 2026-11-30.* under its title"
        assert f"| [{number}]({path.name}) | {title} | {stands[1].lower()} | {stands[2]} |" in index


def test_pages_name_what_there_is() -> None:
    """Every file and folder that a page names, or links to, exists; the change log may tell of former ones."""
    pages = [page for page in ROOT.glob("*.md") if page.name != "CHANGELOG.md"] + list(ROOT.glob("docs/**/*.md"))
    named, missing = 0, []
    for page in pages:
        text = page.read_text("utf-8")
        names = re.findall(r"`((?:thatlook|engine|models|ingest|api|benchmarks|tests|docs)/[\w/.-]+)`", text)
        links = re.findall(r"\]\((?!https?:)([^)#\s]+)[^)]*\)", text)
        named += len(names) + len(links)
        places = [ROOT / name for name in names] + [page.parent / link for link in links]
        missing += [f"{page.name}: {place}" for place in places if not place.exists()]
    assert named > 200
    assert missing == []
