// The logs that tests read.

#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace audit {

// Our own small log, and the real ones where they lie beside the source.
inline std::vector<std::string> LogFiles() {
  const std::filesystem::path source = AUSPEX_SOURCE_DIR;
  std::vector<std::string> files = {source / "tests/data/audit.log"};
  const std::filesystem::path corpus = source / "../shared/corpus";
  if (std::filesystem::is_directory(corpus)) {
    for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
      if (entry.path().extension() == ".log") files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin() + 1, files.end());
  return files;
}

inline std::vector<std::string> ReadLines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace audit
