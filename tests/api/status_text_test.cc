#include "api/status_text.h"

#include <gtest/gtest.h>

namespace api {
namespace {

TEST(StatusText, TellsWhatIsKnown) {
  auspex::v1::StatusResponse status;
  status.set_version("1.2");
  status.set_started_ms(1'000);
  status.set_now_ms(1'000 + ((26 * 60 + 3) * 60 + 4) * 1'000);
  status.set_suspended(true);
  status.set_records_per_second(12.34);
  auto& listener = *status.add_listeners();
  listener.set_name("audisp-remote");
  listener.set_address("::");
  listener.set_port(60);
  auto& acknowledgements = *status.mutable_acknowledgements();
  acknowledgements.set_count(7);
  acknowledgements.set_mean_us(1'500);
  acknowledgements.set_half_us(1'000);
  acknowledgements.set_most_us(25'000);
  auto& store = *status.mutable_store();
  store.set_directory("/var/lib/auspex/store");
  store.set_is_open(true);
  store.set_table_bytes(5 << 20);
  store.set_open_records(3);
  store.set_open_hosts(2);
  store.set_open_bytes(900);
  status.mutable_space()->set_free_bytes(uint64_t{3} << 30);
  status.mutable_space()->set_total_bytes(uint64_t{2} << 40);
  status.mutable_space()->set_stage("space_left");
  status.mutable_losses()->set_kernel_records(4);
  auto& setting = *status.add_settings();
  setting.set_name("flush");
  setting.set_value("SYNC\n\x1b[1m");
  auto& counter = *status.add_counters();
  counter.set_name("auspexd_commits_total");
  counter.set_value(9);
  EXPECT_EQ(StatusText(status),
            "version       1.2\n"
            "started       1970-01-01T00:00:01.000Z\n"
            "now           1970-01-02T02:03:05.000Z\n"
            "uptime        1d 02:03:04\n"
            "records       refused: for want of space\n"
            "records/s     12.3\n"
            "sessions      0\n"
            "streams       0\n"
            "listener      audisp-remote, :: port 60\n"
            "acknowledged  7, mean 1.5 ms, half within 1.0 ms, 99 of 100 within 25.0 ms\n"
            "commits       0, mean 0.0 ms\n"
            "\n"
            "store\n"
            "  directory    /var/lib/auspex/store\n"
            "  state        open\n"
            "  tables       5242880 (5.0 MiB)\n"
            "  in no block  3 records of 2 hosts, 900\n"
            "  free         3221225472 (3.0 GiB) of 2199023255552 (2.0 TiB)\n"
            "  stage        space_left\n"
            "  holds        0\n"
            "\n"
            "lost before records came here, as agents tell\n"
            "  kernel    4\n"
            "  overruns  0\n"
            "  missing   0\n"
            "  queue     0\n"
            "  spool     0\n"
            "  aged      0\n"
            "  errors    0\n"
            "\n"
            "configuration\n"
            "  flush  SYNC\\012\\033[1m\n"
            "\n"
            "counters\n"
            "  auspexd_commits_total  9\n");
}

}  // namespace
}  // namespace api
