"""Malformed files that a person hands in: evidence, statements, thresholds, checklists, the configuration."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from eks_readiness.checklist.items import BY_ID
from eks_readiness.cli.main import run
from eks_readiness.domain.evidence import encode_evidence
from eks_readiness.domain.finding import Finding
from infra.config import Config, ConfigError, read_config
from tests.chaos.fates import Defect, Fate, require_sound
from tests.chaos.mutations import LONE_SURROGATE, STRANGE_TEXT, mutate, mutate_text
from tests.doubles.memory import gather
from tests.doubles.scenario import load_scenario

ROOT = Path(__file__).parents[2]
OK, BELOW, USAGE, UNKNOWN = 0, 1, 2, 3
_TICK = re.compile("✅|☑|✔|✓|🟢|\\[[xX]\\]|:white_check_mark:|:heavy_check_mark:|:ballot_box_with_check:")


def said(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command; its exit code, and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    return code, out.getvalue(), err.getvalue()


def require_refused(code: int, out: str, err: str, file: str, how: str) -> None:
    """Make sure that a refusal says what is wrong, and where.

    Raises:
        Defect: it does not.
    """
    if code != USAGE or out or not err.startswith("error: ") or "Traceback" in err:
        raise Defect(f"{how}: exit code {code}: {err[:300]}")
    if file not in err:
        raise Defect(f"{how}: {err[:300]} does not say where")
    if any(not each.isprintable() for each in err.replace("\n", "")):
        raise Defect(f"{how}: {err[:300]!r} holds control characters")


class _Files:
    """A directory of its own, and one valid set of findings."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "input.json"
        self.evidence = directory / "evidence.json"
        self.valid = json.loads(encode_evidence(gather(load_scenario("bare"))))
        self.evidence.write_text(json.dumps(self.valid))
        code, out, err = said(["evaluate", str(self.evidence), "--output", "json"])
        assert code == OK, err
        self.before = _findings(out)

    @classmethod
    @contextlib.contextmanager
    def ready(cls) -> Iterator[Any]:
        """With the directory made."""
        with tempfile.TemporaryDirectory() as directory:
            yield cls(Path(directory))


def _findings(out: str) -> dict[str, Finding]:
    found = json.loads(out)["findings"]
    return {each["check"]: msgspec.convert(each, Finding) for each in found}


class EvidenceDocuments(_Files):
    """Documents for `evaluate`."""

    name = "evidence documents"

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One document."""
        if rng.random() < 0.6:
            # Mostly one slice: of a whole document's places, nearly all are in the largest ones.
            name = rng.choice(list(self.valid["slices"]))
            made = mutate_text(rng, {"value": self.valid["slices"][name].get("value", {}), "kept": 1})
            try:
                entry = json.loads(made.content)
                content = json.dumps({**self.valid, "slices": {**self.valid["slices"], name: entry}}).encode()
            except (ValueError, RecursionError):
                content = made.content
            retyped, how = made.retyped, f"{name} {made.how}"
        else:
            whole = mutate_text(rng, self.valid)
            content, retyped, how = whole.content, whole.retyped, whole.how
        self.file.write_bytes(content)
        code, out, err = said(["evaluate", str(self.file), "--output", "json"])
        if code != OK:
            require_refused(code, out, err, "evidence", how)
            yield "rejected"
            return
        found = _findings(out)
        if list(found) != list(self.before):
            raise Defect(f"{how}: {len(found)} findings")
        lost = require_sound(self.before, found.values(), retyped=retyped, how=how)
        yield "rejected" if lost else "accepted"


class JsonFiles(_Files):
    """Files of attestations, waivers and thresholds."""

    name = "statements, thresholds"

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One file."""
        statement = {"owner": "sre", "issued_at": "2026-03-01T00:00:00Z", "expires_at": "2026-09-01T00:00:00Z"}
        scoped = {**statement, "cluster": self.valid_arn()}
        option, valid = rng.choice(
            (
                (
                    "--attestations",
                    [
                        {**statement, "subject": "runbooks", "holds": True, "evidence_uri": "", "note": "all of them"},
                        {**scoped, "subject": "dr-plan", "holds": False},
                    ],
                ),
                ("--waivers", [{**scoped, "check": "storage.volumes-encrypted", "reason": "until the migration"}]),
                (
                    "--policy",
                    {
                        "min_zones": 3,
                        "accepted_os": ["bottlerocket"],
                        "item_levels": {"storage": 1},
                        "level_rule": "seed",
                    },
                ),
            )
        )
        made = mutate_text(rng, valid)
        self.file.write_bytes(made.content)
        how = f"{option} {made.how}"
        code, out, err = said(["evaluate", str(self.evidence), option, str(self.file), "--output", "json"])
        if code != OK:
            require_refused(code, out, err, str(self.file), how)
            yield "rejected"
            return
        if made.retyped and not made.content.startswith(codecs.BOM_UTF8):
            raise Defect(f"{how}: was taken")
        for each in _findings(out).values():
            if each.unknown_reason == "crashed":
                raise Defect(f"{how}: {each.check}: {each.reason}")
        yield "accepted"

    def valid_arn(self) -> str:
        """The cluster's ARN."""
        cluster = self.valid["cluster"]
        return f"arn:{cluster['partition']}:eks:{cluster['region']}:{cluster['account']}:cluster/{cluster['name']}"


class Checklists(_Files):
    """Checklist documents for `import` and `evaluate --checklist`."""

    name = "checklist documents"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.text = (ROOT / "tests" / "reports" / "checklist.md").read_text(encoding="utf-8")
        self.file = directory / "checklist.md"

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One document: every tick that is taken stands on the line that is named, beside its item."""
        how, content = _damaged_lines(rng, self.text)
        self.file.write_bytes(content)
        code, out, err = said(["import", str(self.file), "--owner", "sre", "--expires", "90d"])
        judged, _, complaint = said(["evaluate", "--checklist", str(self.file), "--output", "json"])
        if (code == OK) != (judged == OK):
            raise Defect(f"{how}: import ends with {code}, evaluate with {judged}: {complaint[:200]}")
        if code != OK:
            require_refused(code, out, err, str(self.file), how)
            yield "rejected"
            return
        lines = re.split("\r\n|\r|\n", content.decode("utf-8-sig"))
        for each in json.loads(out):
            number = int(each["note"].rpartition(" ")[2])
            line = lines[number - 1]
            if bool(_TICK.search(line)) != each["holds"]:
                raise Defect(f"{how}: line {number} {line[:200]!r} was taken for {each['holds']}")
            if not _names(line, BY_ID[each["subject"]].title, each["subject"]):
                raise Defect(f"{how}: line {number} {line[:200]!r} was taken for {each['subject']}")
        yield "accepted"


def _names(line: str, *named: str) -> bool:
    plain = _letters(line)
    return any(_letters(each) in plain for each in named)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]|\band\b|amp;", "", text.casefold().replace(" and ", " ").replace("-and-", "-"))


def _damaged_lines(rng: random.Random, text: str) -> tuple[str, bytes]:
    lines = text.split("\n")
    how = []
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        damage, line = rng.choice(_LINE_DAMAGES)
        lines[at] = line(rng, lines[at])
        how.append(f"line {at + 1} {damage}")
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    match rng.randrange(10):
        case 0:
            return f"{how}, cut off", content[: rng.randrange(len(content))]
        case 1:
            at = rng.randrange(len(content))
            return f"{how}, a byte at {at}", content[:at] + rng.choice(
                (b"\x00", b"\xff", b"\r", b"\xef\xbb\xbf")
            ) + content[at:]
        case 2:
            return f"{how}, UTF-16", "\n".join(lines).encode("utf-16", "surrogatepass")
        case 3:
            return f"{how}, CRLF", content.replace(b"\n", b"\r\n")
        case 4:
            return f"{how}, twice", content * 2
        case 5:
            return f"{how}, nested", b"> " * rng.choice((5, 500)) + content
        case _:
            return ", ".join(how), content


_LineDamage = Callable[[random.Random, str], str]
_LINE_DAMAGES: tuple[tuple[str, _LineDamage], ...] = (
    ("dropped", lambda _rng, _line: ""),
    ("without a bar", lambda _rng, line: line.replace("|", "", 1)),
    ("with a bar more", lambda rng, line: line.replace("|", "||", rng.randrange(1, 4))),
    ("with an open status", lambda _rng, line: line.replace("✅", "⬜")),
    ("ticked", lambda _rng, line: line.replace("⬜", "✅")),
    (
        "with another status",
        lambda rng, line: re.sub("✅|⬜", rng.choice(("maybe", "✅⬜", "[x]", "[ ]", "", "✔️")), line),
    ),
    ("with strange text", lambda rng, line: line + rng.choice(STRANGE_TEXT)),
    ("with strange text inside", lambda rng, line: line.replace("**", rng.choice(STRANGE_TEXT), 1)),
    ("with a lone surrogate", lambda _rng, line: line + LONE_SURROGATE),
    ("upside down", lambda _rng, line: line[::-1]),
    ("in capitals", lambda _rng, line: line.upper()),
    ("misspelt", lambda rng, line: line.replace(rng.choice("aeinrst"), "", 1)),
    ("in HTML", lambda _rng, line: f"<div>{line}</div>"),
    ("behind a fence", lambda _rng, line: f"```\n{line}"),
    ("very long", lambda _rng, line: line * 300),
    ("with many bars", lambda _rng, _line: "|" * 3000),
    ("with brackets", lambda _rng, line: "[" * 3000 + line),
)


class Configurations(_Files):
    """Files of the deployment's configuration."""

    name = "configuration files"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.file = directory / "fleet.yaml"
        self.valid = {
            **yaml.safe_load((ROOT / "eks-readiness.yaml").read_text(encoding="utf-8")),
            "python": "3.13",
            "schedule": "cron(0 6 ? * MON-FRI *)",
            "notify": ["sre@example.com"],
            "thresholds": {"accepted_os": ["bottlerocket"], "max_backup_age_hours": 30, "item_levels": {"storage": 1}},
            "evidence_buckets": ["evidence-1"],
            "kubernetes_endpoint_suffixes": [".proxy.example.com"],
            "aws_endpoint_urls": {"eks": "https://vpce-1.eks.eu-west-1.vpce.amazonaws.com"},
        }

    def attempt(self, rng: random.Random) -> Iterator[Fate]:
        """One file."""
        how, content, retyped = self._damaged(rng)
        self.file.write_bytes(content)
        try:
            config = read_config(self.file)
        except ConfigError as error:
            text = str(error)
            if "\n" in text or self.file.name not in text or not text.isprintable():
                raise Defect(f"{how}: {text[:300]!r} is not one line that names the file") from error
            yield "rejected"
            return
        if retyped:
            raise Defect(f"{how}: was taken: {config}")
        if not config.scan_interval_seconds >= 60 or config.stale_after_seconds < config.scan_interval_seconds:
            raise Defect(f"{how}: {config.schedule} every {config.scan_interval_seconds} s")
        again = msgspec.convert(msgspec.to_builtins(config), Config)
        if again != config:
            raise Defect(f"{how}: {config} is another one when it was written down")
        yield "accepted"

    def _damaged(self, rng: random.Random) -> tuple[str, bytes, bool]:
        if rng.random() < 0.65:
            made = mutate(rng, self.valid)
            if rng.random() < 0.5:
                try:
                    dumped = yaml.safe_dump(made.value, allow_unicode=rng.random() < 0.5, sort_keys=False)
                    # A key that is dropped or null is no mistake of types; YAML writes every value with its own.
                    return made.how, dumped.encode("utf-8", "surrogatepass"), made.retyped
                except (yaml.YAMLError, RecursionError):
                    pass
            return made.how, json.dumps(made.value, default=str).encode("utf-8", "surrogatepass"), made.retyped
        text = yaml.safe_dump(self.valid, sort_keys=False).encode()
        name, damaged = rng.choice(_YAML_DAMAGES)
        return name, damaged(rng, text), False


def _put_in(rng: random.Random, text: bytes) -> bytes:
    at = rng.randrange(len(text))
    return (
        text[:at]
        + rng.choice((b"\x00", b"\xff", b"\x07", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"&a ", b"!", b"'", b"{"))
        + text[at:]
    )


def _changed(rng: random.Random, text: bytes) -> bytes:
    damaged = bytearray(text)
    for _ in range(rng.randrange(1, 4)):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


_YamlDamage = Callable[[random.Random, bytes], bytes]
_BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in b"bcdefghi"
)
_YAML_DAMAGES: tuple[tuple[str, _YamlDamage], ...] = (
    ("a bomb", lambda _rng, _text: _BOMB),
    ("a bomb behind it", lambda _rng, text: text + _BOMB),
    ("an alias", lambda _rng, text: text + b"thresholds: &t {min_zones: 2}\nnotify: *t\n"),
    ("an alias of itself", lambda _rng, text: text + b"x: &x [*x]\n"),
    ("a merge", lambda _rng, text: text + b"<<: {retain: false}\n"),
    (
        "a tag",
        lambda rng, text: text + rng.choice((b"x: !!python/object/apply:os.system [ls]\n", b"name: !!binary aGk=\n")),
    ),
    ("a set", lambda _rng, text: text + b"? [a, b]\n: c\n"),
    ("cut off", lambda rng, text: text[: rng.randrange(len(text))]),
    ("a byte put in", _put_in),
    ("bytes changed", _changed),
    ("nested", lambda rng, _text: b"x: " + b"[" * rng.choice((50, 900, 20_000))),
    ("nested mappings", lambda rng, _text: b"{a: " * rng.choice((50, 900, 12_000))),
    ("nested blocks", lambda _rng, _text: b"\n".join(b" " * depth + b"a:" for depth in range(300))),
    ("too long", lambda _rng, text: text * 200),
    ("two documents", lambda _rng, text: text + b"---\n" + text),
    ("UTF-16", lambda _rng, text: text.decode().encode("utf-16")),
    ("tabs", lambda _rng, text: text.replace(b": ", b":\t")),
    ("a key twice", lambda _rng, text: text + b"retain: false\n"),
    ("no key", lambda _rng, text: text + b"? \n: x\n"),
    ("a directive", lambda _rng, text: b"%YAML 9.9\n---\n" + text),
    (
        "a number too large",
        lambda rng, text: text + b"jitter: " + rng.choice((b"1" * 5000, b"1e999", b".nan", b"0o7777", b"1:99:99")),
    ),
    (
        "an odd date",
        lambda rng, text: text + b"notify: " + rng.choice((b"2026-13-45", b"2026-01-01T99:99:99Z", b"0000-00-00")),
    ),
)
