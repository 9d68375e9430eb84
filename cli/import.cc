#include "cli/import.h"

#include <array>
#include <unistd.h>

#include "absl/strings/str_format.h"
#include "cli/log_input.h"

#include "base/clock.h"
#include "storage/event_store.h"

namespace cli {

namespace {

std::string NameOfThisMachine() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

absl::Status ImportLog(const std::string& path, storage::Import& import, Progress& progress) {
  absl::StatusOr<LogInput> input = LogInput::Open(path);
  if (!input.ok()) return input.status();
  import.BeginLog();
  for (;;) {
    const absl::StatusOr<std::string_view> piece = input->Next();
    if (!piece.ok()) return piece.status();
    if (piece->empty()) return absl::OkStatus();
    const absl::Status added = import.Add(*piece);
    if (!added.ok()) return added;
    progress.Show(path, input->bytes_read(), input->bytes_total());
  }
}

}  // namespace

absl::Status Import(const ImportArguments& arguments, std::ostream& output, Progress& progress) {
  const auto store = storage::EventStore::Open(arguments.store, storage::StoreOptions());
  if (!store.ok()) return store.status();
  const std::string host = arguments.host.empty() ? NameOfThisMachine() : arguments.host;
  auto import = (*store)->StartImport(
      {.host = {.kind = storage::IdentityKind::kNode, .name = host}, .received_ms = base::NowMs()});
  if (!import.ok()) return import.status();

  absl::Status status;
  for (const std::string& path : InOrderOfAge(arguments.paths)) {
    status = ImportLog(path, **import, progress);
    if (!status.ok()) break;
  }
  // What was read before a failure is whole, and stays.
  const absl::StatusOr<storage::ImportResult> result = (*import)->Finish();
  import->reset();
  if (!result.ok()) return result.status();
  const absl::Status settled = (*store)->Settle({});
  progress.Clear();
  output << absl::StrFormat("%d records imported, %d of them malformed, %d bytes", result->records,
                            result->malformed, result->bytes);
  if (result->known_bytes > 0) {
    output << absl::StrFormat("; %d bytes were known", result->known_bytes);
  }
  output << '\n';
  return status.ok() ? settled : status;
}

}  // namespace cli
