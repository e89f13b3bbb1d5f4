"""The architecture, held: which module may import what, and what an import drags in."""

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import fairway

PACKAGE = Path(fairway.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))

# Imports point only up this list. Modules of one row may import each other, except that
# a store knows of no other store.
ROWS = [
    {"types", "errors", "names"},
    {"core"},
    {"codec", "crypto"},
    {"drops", "extras", "forking", "mailbox", "options", "store"},
    {"engine"},
    {"layer", "blocking", "polled", "contract"},  # a layer hands out its blocking face
    {"memory", "redis", "database"},
    {"conformance", "metrics"},
    {"routing", "server", "worker"},
    {"hosting"},
    {"dev"},
    {"django"},
    {"cli", "demo", "__main__"},
]
STORES = {"memory", "redis", "database"}
DEPTH = {part: depth for depth, row in enumerate(ROWS) for part in row}

# Who may import what is not needed by everyone.
HOMES = {"django": {"django", "database"}, "redis": {"redis"}}

# What `pip install fairway` brings, and the parts that need an extra.
DEPENDENCIES = {"click", "ormsgpack"}
NEED_AN_EXTRA = {
    "crypto",
    "redis",
    "database",
    "django",
    "demo",
    "metrics",
    "conformance/pytest_plugin",
}

every_module = pytest.mark.parametrize("module", MODULES, ids=str)


def part_of(module: Path) -> str:
    """The part of the architecture that a file belongs to; "" for `fairway` itself."""
    part = module.parts[0].removesuffix(".py")
    return "" if part == "__init__" else part


def syntax(module: Path) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text())


def imports(module: Path) -> Iterator[str]:
    """The absolute names of all that a module imports, lazily or not, but for its types' sake."""
    pending: list[ast.AST] = [syntax(module)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from imported_from(node, module)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)
        else:
            pending.extend(ast.iter_child_nodes(node))


def imported_from(node: ast.ImportFrom, module: Path) -> Iterator[str]:
    package = ["fairway", *module.parent.parts]
    base = package[: len(package) + 1 - node.level] if node.level else []
    source = ".".join([*base, *([node.module] if node.module else [])])
    yield from (f"{source}.{alias.name}" for alias in node.names)


def libraries(module: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(module)}


def parts_imported(module: Path) -> set[str]:
    ours = (name.split(".") for name in imports(module) if name.startswith("fairway."))
    return {names[1] for names in ours if names[1] in DEPTH} - {part_of(module)}


@every_module
def test_every_module_has_a_place_in_the_architecture(module: Path) -> None:
    assert part_of(module) in {"", *DEPTH}, f"give {module} a place in ROWS"


@every_module
def test_imports_point_up(module: Path) -> None:
    part = part_of(module)
    below = {other for other in parts_imported(module) if DEPTH[other] > DEPTH.get(part, 99)}
    assert not below, f"{module} imports {below}, which stand below it"


@pytest.mark.parametrize("store", sorted(STORES))
def test_a_store_knows_no_other_store(store: str) -> None:
    modules = [module for module in MODULES if part_of(module) == store]
    assert not {part for module in modules for part in parts_imported(module)} & STORES


@pytest.mark.parametrize("library", HOMES)
def test_a_library_stays_in_its_home(library: str) -> None:
    importers = {part_of(module) for module in MODULES if library in libraries(module)}
    assert importers <= HOMES[library]


@every_module
def test_checks_hold_under_python_O(module: Path) -> None:
    asserts = [node.lineno for node in ast.walk(syntax(module)) if isinstance(node, ast.Assert)]
    assert not asserts, f"{module} asserts in lines {asserts}; raise an error instead"


def test_public_modules_import_without_extras() -> None:
    """One fresh interpreter that has the standard library and our dependencies, nothing else."""
    names = [dotted(module) for module in MODULES if is_for_everyone(module)]
    run_in_fresh_interpreter(f"""
        import importlib, sys
        allowed = {{"fairway", *{sorted(DEPENDENCIES)}, *sys.stdlib_module_names}}

        class NothingElse:
            def find_spec(self, name, path=None, target=None):
                root = name.partition(".")[0]
                if root not in allowed and not root.startswith("_"):
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

        sys.meta_path.insert(0, NothingElse())
        for name in {names}:
            importlib.import_module(name)
    """)


def test_importing_fairway_loads_no_library_that_it_does_not_need() -> None:
    run_in_fresh_interpreter("""
        import sys
        before = set(sys.modules)
        import fairway
        roots = {name.partition(".")[0] for name in set(sys.modules) - before}
        heavy = roots & {"click", "cryptography", "django", "hypothesis", "pytest",
                         "redis", "starlette", "uvicorn", "watchfiles"}
        if heavy:
            sys.exit(f"import fairway loads {heavy}")
    """)


def is_for_everyone(module: Path) -> bool:
    name = module.with_suffix("").as_posix()
    needs_an_extra = any(f"{name}/".startswith(f"{needy}/") for needy in NEED_AN_EXTRA)
    return not needs_an_extra and module.stem != "__main__"  # importing that one runs it


def dotted(module: Path) -> str:
    return ".".join(["fairway", *module.with_suffix("").parts]).removesuffix(".__init__")


def run_in_fresh_interpreter(program: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(program)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
