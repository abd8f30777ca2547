"""Encoders from outside, of the known architectures with small random weights: imported, by value, indexed, asked."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

torch = pytest.importorskip("torch", reason="needs the group `train`")
pytest.importorskip("transformers", reason="needs the group `train`")

from engine.errors import ModelUnavailable, QueryRejected  # noqa: E402
from engine.service import TextQuery  # noqa: E402
from engine.vision.crops import whole  # noqa: E402
from ingest.bootstrap import ingest_dependencies  # noqa: E402
from ingest.pipeline import ingest_feed  # noqa: E402
from models.bootstrap import open_parts  # noqa: E402
from models.export.encoders import drawn, torch_pair  # noqa: E402
from models.export.encoders.encoder import PictureForm  # noqa: E402
from models.export.encoders.importing import import_source  # noqa: E402
from models.export.encoders.sources import Told  # noqa: E402
from models.export.encoders.tokenizing import SENTENCES  # noqa: E402
from models.manifest import load_manifest  # noqa: E402
from models.profiles.fetch import Source, fetch_profile  # noqa: E402
from models.registry import load_models  # noqa: E402
from models.runtime import RuntimeOptions  # noqa: E402
from models.settings import read_settings  # noqa: E402
from models.studio.output.feed import write_catalogue  # noqa: E402
from tests.fixtures import encoders  # noqa: E402
from thatlook.cli import thatlook  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]
PICTURE = np.random.default_rng(1).integers(0, 256, (61, 47, 3), np.uint8)
PLAIN = RuntimeOptions(runtime="onnxruntime", precision="f32", device="cpu")


@pytest.fixture(autouse=True)
def few_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six garments tell as much here as twenty-four, and are drawn in a quarter of the time."""
    monkeypatch.setattr(drawn, "GARMENTS", 6)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of each known shape."""
    root: Path = tmp_path_factory.mktemp("sources")
    encoders.open_clip_siglip(root / "fashion-siglip")
    encoders.open_clip_clip(root / "open-clip")
    encoders.transformers_siglip(root / "siglip2")
    encoders.transformers_siglip(root / "siglip", "unigram")
    encoders.transformers_clip(root / "clip")
    encoders.onnx_pair(root / "siglip2-onnx", root / "siglip2")
    encoders.onnx_pair(root / "clip-onnx", root / "clip")
    return root


def own_embeddings(folder: Path) -> tuple[Any, Any]:
    """What the source's library itself makes of a picture, in the source's own form, and of sentences."""
    from PIL import Image

    photo = Image.fromarray(PICTURE)
    with encoders.offline(), torch.no_grad():
        if (folder / "open_clip_config.json").is_file():
            import open_clip

            model, _, look = open_clip.create_model_and_transforms(f"local-dir:{folder}")
            words = open_clip.get_tokenizer(f"local-dir:{folder}")(list(SENTENCES))
            return model.eval().encode_image(look(photo)[None]).numpy(), model.encode_text(words).numpy()
        import transformers

        model = transformers.AutoModel.from_pretrained(folder).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        look = transformers.AutoImageProcessor.from_pretrained(folder)
        options = {"padding": "max_length", "max_length": encoders.CONTEXT, "truncation": True, "padding_side": "right"}
        ids = tokenizer(list(SENTENCES), return_tensors="pt", **options).input_ids
        seen = model.get_image_features(look(images=photo, return_tensors="pt").pixel_values)
        return seen.pooler_output.numpy(), model.get_text_features(ids).pooler_output.numpy()


def cosines(a: Any, b: Any) -> Any:
    """Row by row."""
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize(
    ("name", "original", "dim", "pad_id"),
    [
        ("fashion-siglip", "fashion-siglip", 24, 1),
        ("open-clip", "open-clip", 24, 0),
        ("siglip2", "siglip2", 32, 0),
        ("siglip", "siglip", 32, 1),
        ("clip", "clip", 24, 49407),
        ("siglip2-onnx", "siglip2", 32, 0),
        ("clip-onnx", "clip", 24, 49407),
    ],
)
def test_every_known_shape_is_served_by_value(
    sources: Path, tmp_path: Path, name: str, original: str, dim: int, pad_id: int
) -> None:
    """Pictures and sentences land where the source's own library puts them, preprocessing and tokenizer and all."""
    told = Told(own_resize=True)
    if "onnx" in name:
        told = Told(own_resize=True, context_length=encoders.CONTEXT, pad_id=pad_id)
    report = import_source(str(sources / name), told, tmp_path, "outside")
    assert (report.dim, report.context_length, report.input_size) == (dim, encoders.CONTEXT, (32, 32))
    assert report.licence == "apache-2.0"
    assert set(report.borrowed) == {"segmenter", "pose", "visual"}
    semantic = load_models("outside", home=tmp_path, options=PLAIN).semantic
    want_picture, want_texts = own_embeddings(sources / original)
    assert cosines(semantic.embed([whole(PICTURE)]), want_picture).min() > 0.998
    assert cosines(semantic.embed_texts(list(SENTENCES)), want_texts).min() > 0.998
    assert np.linalg.norm(semantic.embed_texts(list(SENTENCES)), axis=1) == pytest.approx(1, abs=1e-5)


def test_a_home_with_an_encoder_from_outside_is_indexed_and_answers(sources: Path, tmp_path: Path) -> None:
    """The command line imports it; a feed goes in; a stored picture and words bring hits of its own embeddings."""
    home = tmp_path / "home"
    command = ["--home", str(home), "models", "import", str(sources / "fashion-siglip"), "--profile", "fashion"]
    done = CliRunner().invoke(thatlook, [*command, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["architecture"] == "vit_test_siglip (open_clip)"
    assert report["worst_picture"] > 0.999
    feed = write_catalogue(tmp_path / "shop", 6, 7, (240, 320))
    with open_parts(read_settings({"home": home, "profile": "fashion"})) as parts:
        ingest_feed(ingest_dependencies(parts), feed, "prefer")
        (space,) = [spec for spec in parts.pipeline.collection_specs() if spec.name == "upper_wear_semantic"]
        assert (space.dim, space.fingerprint) == (24, parts.pipeline.semantic.fingerprint)
        words = parts.thatlook.search_text(TextQuery(("a red dress",)), k=3).garments[0].hits
        assert len(words) == 3
        like = parts.thatlook.similar(words[0].product.product_id, k=2).garments[0].hits
        assert len(like) == 2
        assert words[0].product.product_id not in {hit.product.product_id for hit in like}


def test_an_encoder_is_fetched_file_by_file_and_imported(sources: Path, tmp_path: Path) -> None:
    """What `standard` does, from another server: weights of a known hash, the words beside them, the licence given."""
    folder = sources / "fashion-siglip"
    asked: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path.rpartition("/")[2])
        return httpx.Response(200, content=(folder / asked[-1]).read_bytes())

    words = tuple(path.name for path in sorted(folder.iterdir()) if path.suffix in (".json", ".md"))
    digest = hashlib.sha256((folder / "open_clip_model.safetensors").read_bytes()).hexdigest()
    place = f"https://weights.example/owner/small/resolve/{'a' * 40}/open_clip_model.safetensors"
    source = Source("semantic", place, digest, words, "apache-2.0")
    console = Console(file=io.StringIO())
    client = httpx.Client(transport=httpx.MockTransport(serve))
    fetch_profile(tmp_path, "standard", ["semantic"], console, (source,), client)
    assert asked == [*words, "open_clip_model.safetensors"]
    spec = load_manifest(tmp_path / "models" / "standard").require("semantic_text")
    assert (spec.notes["licence"], spec.extra) == ("apache-2.0", {"pad_id": 1})
    assert load_models("standard", home=tmp_path, options=PLAIN).semantic.embed_texts(["a dress"]).shape == (1, 24)


def test_what_differs_from_the_source_is_not_registered(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another mean, another tokenizer, another network: each is found, and the profile stays as it was."""

    def spoil(**changed: Any) -> Callable[[Path], Any]:
        right = torch_pair.open_clip_folder
        return lambda folder: replace(right(folder), **changed)

    form = PictureForm((32, 32), (0.2, 0.5, 0.5), (0.5, 0.5, 0.5), "stretch")
    other = torch_pair.open_clip_folder(sources / "open-clip")
    for changed, said in (
        ({"form": form}, "prepared otherwise"),
        ({"pad_id": 0}, "other tokens"),
        ({"embed_pictures": lambda pictures: np.eye(len(pictures), 24, dtype=np.float32)}, "pictures are not"),
        ({"embed_tokens": other.embed_tokens}, "sentences are not"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(torch_pair, "open_clip_folder", spoil(**changed))
            with pytest.raises(ModelUnavailable, match=said):
                import_source(str(sources / "fashion-siglip"), Told(), tmp_path, "spoilt")
        assert not (tmp_path / "models" / "spoilt").exists()


def test_sources_of_other_kinds_are_refused_plainly(sources: Path, tmp_path: Path) -> None:
    """Of another architecture, with its author's code, without a licence or a closed one, incomplete, unknown."""

    def copied(name: str, changes: dict[str, str | None]) -> str:
        folder = tmp_path / name
        folder.mkdir()
        for path in (sources / "siglip2").iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        for file, text in changes.items():
            (folder / file).unlink() if text is None else (folder / file).write_text(text)
        return str(folder)

    config = json.loads((sources / "siglip2" / "config.json").read_text())
    card = "---\nlicense: cc-by-nc-4.0\n---\n"
    cases = {
        "bert": ({"config.json": json.dumps({"model_type": "bert"})}, "kind 'bert'"),
        "naflex": ({"config.json": json.dumps({**config, "model_type": "siglip2"})}, "kind 'siglip2'"),
        "code": ({"config.json": json.dumps({**config, "auto_map": {"AutoModel": "x.Y"}})}, "author's code"),
        "unnamed": ({"README.md": None}, "--licence"),
        "closed": ({"README.md": card}, "--accept-licence"),
        "no-processor": ({"preprocessor_config.json": None}, "cannot be read"),
        "empty": ({"config.json": None, "model.safetensors": None}, "holds no encoder"),
        "damaged": ({"model.safetensors": "weights"}, "cannot be read as an encoder"),
    }
    for name, (changes, said) in cases.items():
        with pytest.raises((ModelUnavailable, QueryRejected), match=said):
            import_source(copied(name, changes), Told(), tmp_path / "home", "outside")
    missing = ("nothing here", "./missing", "~/missing", str(tmp_path / "missing"), "missing/image.onnx")
    for source in (*missing, str(sources / "siglip2" / "config.json"), str(sources / "siglip2-onnx" / "vision.onnx")):
        with pytest.raises(QueryRejected):
            import_source(source, Told(), tmp_path / "home", "outside")
    for told in (Told(size=(32, 32)), Told(context_length=9), Told(canonicalize=True), Told(text=tmp_path / "x.onnx")):
        with pytest.raises(QueryRejected):
            import_source(str(sources / "siglip2"), told, tmp_path / "home", "outside")
    with pytest.raises(QueryRejected, match="starter"):
        import_source(str(sources / "clip"), Told(), tmp_path / "home", "starter")
    assert import_source(str(tmp_path / "closed"), Told(), tmp_path / "home", "mine", accepted=True).licence == (
        "cc-by-nc-4.0"
    )
