"""Reports, after a fit and of a set in a file."""

from pathlib import Path

import pytest

MADE = "condense train.csv --target income --method kmedoids --per-class 4 --quiet"


@pytest.fixture(autouse=True)
def halves(folder, frame):
    frame.iloc[:80].to_csv("train.csv", index=False)
    frame.iloc[80:].to_csv("test.csv", index=False)


def test_a_report_is_written_with_the_set_and_afterwards(done):
    out = done(f"{MADE} --out small.skdc --report first.html")
    assert out.endswith("report    first.html\n")
    assert done("report small.skdc train.csv --target income --out second.html --quiet") == "report    second.html\n"
    first, second = (Path(name).read_text() for name in ("first.html", "second.html"))
    assert first.startswith("<!DOCTYPE html>") and "KMedoids(n_per_class=4" in first and "wage" in first
    assert first == second


def test_scores_are_those_on_test_rows(done, skdc):
    done(f"{MADE} --out small.skdc --report without.html")
    done(f"{MADE} --out small.skdc --report with.html --test test.csv --force")
    assert "<td>boosting" not in Path("without.html").read_text() and "boosting" in Path("with.html").read_text()
    code, _, error = skdc(f"{MADE} --out other.skdc --test test.csv")
    assert code == 0 and error == "skdc: note: --test is for the scores in --report, and is not read\n"


def test_what_is_wrong_with_test_rows_is_said_before_the_fit(skdc):
    Path("test.csv").write_text("a,b\n1,2\n")
    code, _, error = skdc(f"{MADE} --out small.skdc --report first.html --test test.csv")
    assert code == 2 and "'test.csv' has no column 'income'" in error
    assert not Path("small.skdc").exists()


def test_other_columns_than_those_of_the_set_are_refused(skdc, done):
    done(f"{MADE} --out small.skdc")
    code, _, error = skdc("report small.skdc train.csv --target income --drop age --out first.html --quiet")
    assert code == 2 and error.count("\n") == 1 and "age" in error
    assert not Path("first.html").exists()
