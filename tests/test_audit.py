"""Nothing in the server's processes runs what it reads: no pickle, no eval, no shell.

What runs inside containers (``images/runtime``) is the user's own and not looked at.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "jupyter_mlstudio"
INSIDE_CONTAINERS = PACKAGE / "images" / "runtime"
MODULES = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"})
FUNCTIONS = frozenset(
    {"eval", "exec", "execfile", "os.system", "os.popen", "tempfile.mktemp"}
    | {"yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load"}
    | {"asyncio.create_subprocess_shell", "subprocess.getoutput", "subprocess.getstatusoutput"}
    | {"torch.load", "numpy.load", "np.load", "pandas.read_pickle", "pd.read_pickle"}
)


def name_of(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{name_of(node.value)}.{node.attr}"
    return ""


def findings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and name of what code may not use."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                found = [alias.name for alias in node.names]
            case ast.ImportFrom():
                found = [
                    node.module or "",
                    *(f"{node.module}.{alias.name}" for alias in node.names),
                ]
            case ast.Call():
                found = [name_of(node.func)]
                if any(
                    keyword.arg == "shell"
                    and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
                    for keyword in node.keywords
                ):
                    yield node.lineno, "shell="
            case _:
                continue
        for name in found:
            if name in FUNCTIONS or name.partition(".")[0] in MODULES:
                yield node.lineno, name


def test_nothing_that_is_read_is_run() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(INSIDE_CONTAINERS)]
    assert len(files) > 150
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {name}"
        for path in files
        for line, name in findings(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.parallel",
        "eval(x)",
        "exec(x)",
        "import yaml\nyaml.load(x, Loader=L)",
        "from yaml import load",
        "subprocess.run(x, shell=True)",
        "subprocess.run(x, shell=flag)",
        "os.system(x)",
    ],
)
def test_the_audit_finds(code: str) -> None:
    assert list(findings(code))


def test_the_audit_lets_pass() -> None:
    assert not list(findings("yaml.safe_load(x)\nsubprocess.run(x, shell=False)\nmodel.eval()"))
