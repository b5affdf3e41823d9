"""Counts the test cases of Bazel runs, and of others that count theirs.

Each argument is "<exit status>:<file>" of one run, the file written by --build_event_json_file, or "<name>:<passed>:<failed>". Prints what failed and, as
the last line, "N passed, N failed"; exits with 1 if anything failed.
"""

import json
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree

NO_TESTS_FOUND = 4  # Bazel's exit status where all was built but there is nothing to test.


def cases(results):
    """Yields (name, outcome) of each case in the test.xml files of a target's shards."""
    for result in results:
        for output in result.get("testActionOutput", []):
            if output["name"] != "test.xml":
                continue
            path = urllib.request.url2pathname(urllib.parse.urlparse(output["uri"]).path)
            try:
                root = xml.etree.ElementTree.parse(path).getroot()
            except (OSError, xml.etree.ElementTree.ParseError):
                continue  # The target's status counts instead.
            for case in root.iter("testcase"):
                name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
                if case.find("failure") is not None or case.find("error") is not None:
                    yield name, "failed"
                elif case.find("skipped") is not None or case.get("status") == "notrun":
                    yield name, "skipped"
                else:
                    yield name, "passed"


def read(path):
    """The test results by target and shard, the test targets' statuses, and the targets that were not built."""
    results, statuses, broken = {}, {}, set()
    try:
        lines = open(path, encoding="utf-8").read().splitlines()
    except OSError:
        lines = []  # Bazel did not come far enough to write it; its exit status says so.
    for line in lines:
        event = json.loads(line)
        kind, key = next(iter(event["id"].items()), (None, None))
        if kind == "testResult":
            # A later attempt replaces an earlier one.
            shards = results.setdefault(key["label"], {})
            shards[key.get("run"), key.get("shard")] = event.get("testResult", {})
        elif kind == "testSummary":
            statuses[key["label"]] = event.get("testSummary", {}).get("overallStatus", "NO_STATUS")
        elif kind == "targetCompleted" and not event.get("completed", {}).get("success"):
            broken.add(key["label"])
    return results, statuses, broken


def main(runs):
    count = {"passed": 0, "failed": 0, "skipped": 0}
    failures = []
    for run in runs:
        exit_status, path = run.split(":", 1)
        if not exit_status.isdigit():
            passed, failed = map(int, path.split(":"))
            count["passed"] += passed
            count["failed"] += failed
            failures += [f"{exit_status} ({failed} of its tests)"] if failed else []
            continue
        results, statuses, broken = read(path)
        failures_before = len(failures)
        for label, status in sorted(statuses.items()):
            if label in broken:
                continue
            failed = []
            for name, outcome in cases(results.get(label, {}).values()):
                count[outcome] += 1
                if outcome == "failed":
                    failed.append(f"{label} {name}")
            if status not in ("PASSED", "FLAKY") and not failed:
                count["failed"] += 1  # It crashed, ran too long or was not run.
                failed.append(f"{label} ({status})")
            failures += failed
        for label in sorted(broken):
            count["failed"] += 1
            failures.append(f"{label} (not built)")
        if int(exit_status) not in (0, NO_TESTS_FOUND) and len(failures) == failures_before:
            count["failed"] += 1
            failures.append(f"bazel (exit status {exit_status})")

    for failure in failures:
        print("FAILED:", failure)
    if count["skipped"]:
        print(count["skipped"], "skipped")
    print(f"{count['passed']} passed, {count['failed']} failed")
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
