"""The product's host.json: what of it must not change unnoticed."""

import json
from datetime import timedelta

from local.settings import HostConfig, read
from tests.host.process import ROOT

FILE = ROOT / "host.json"


def test_the_extension_bundle_is_pinned_to_one_major_version() -> None:
    bundle = json.loads(FILE.read_text(encoding="utf-8"))["extensionBundle"]
    assert bundle == {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}


def test_queue_and_route_settings() -> None:
    config = read(FILE, HostConfig)
    assert config.route_prefix == ""
    assert (config.visibility_timeout, config.max_polling_interval) == (
        timedelta(seconds=30),
        timedelta(seconds=2),
    )
    assert (config.batch_size, config.new_batch_threshold, config.max_dequeue_count) == (16, 8, 5)
    assert config.encoding == "base64"


def test_telemetry_and_timeout() -> None:
    host = json.loads(FILE.read_text(encoding="utf-8"))
    assert (host["telemetryMode"], host["functionTimeout"]) == ("OpenTelemetry", "00:05:00")
