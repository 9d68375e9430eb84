// A directory for files that a test makes, gone with it.

#pragma once

#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <sys/stat.h>

#include <gtest/gtest.h>

namespace server {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string path = testing::TempDir() + "space_test.XXXXXX";
    path_ = mkdtemp(path.data());
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }

  std::string Path(const std::string& name) const { return path_ + "/" + name; }

  // A file with a mode; returns its path.
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0755) const {
    const std::string path = Path(name);
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }

  // What is in a file; empty if there is none.
  std::string Read(const std::string& name) const {
    std::ifstream stream(Path(name));
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  std::string path_;
};

}  // namespace server
