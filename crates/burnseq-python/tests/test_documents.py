"""What the documentation shows works: the page, the README, the notebook, and the types of the stubs."""

import re
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient


def blocks(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("page", "least"), [("docs/src/python.md", 5), ("README.md", 1)])
def test_the_python_of_a_page_works(here, page, least):
    found = blocks(page)
    assert len(found) >= least
    names = {}
    for block in found:
        exec(compile(block, page, "exec"), names)


def test_the_notebook_works(world):
    notebook = nbformat.read(ROOT / "examples/python/translate.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code), "no outputs of another machine"
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(world.path)}})
    client.execute()
    outputs = [str(output) for cell in code for output in cell.outputs]
    assert any("translating" in output and "100/100" in output for output in outputs), "progress"
    assert any("The score" in output for output in outputs)


def test_the_stubs_are_those_of_the_module():
    done = subprocess.run([sys.executable, "-m", "mypy.stubtest", "burnseq"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
