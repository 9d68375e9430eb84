// Runs a fuzz target without a fuzzer: NAME [FOLDER...] feeds it, from the folders that exist,
// each file, each line of each .log file, their truncations, and some thousand damaged copies.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutation.h"

namespace {

// The seeds are whole files and small; of a log, this many lines are spread over it.
constexpr size_t kLinesPerLog = 100;

// Truncations of an input are spread over it: at each byte of a short one.
constexpr size_t kTruncationsPerInput = 200;

constexpr size_t kMutations = 20000;

void Run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

void ReadLog(const std::filesystem::path& path, std::vector<std::string>* inputs) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  for (size_t i = 0; i < lines.size(); i += 1 + lines.size() / kLinesPerLog) {
    inputs->push_back(lines[i]);
  }
}

std::vector<std::string> ReadInputs(int count, char** folders) {
  std::vector<std::filesystem::path> files;
  for (int i = 0; i < count; ++i) {
    if (!std::filesystem::is_directory(folders[i])) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folders[i])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());  // The mutations depend on the order.
  std::vector<std::string> inputs;
  for (const std::filesystem::path& path : files) {
    if (path.extension() == ".log") {
      ReadLog(path, &inputs);
    } else {
      std::ifstream file(path, std::ios::binary);
      inputs.push_back((std::ostringstream() << file.rdbuf()).str());
    }
  }
  return inputs;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> inputs = ReadInputs(argc - 1, argv + 1);
  if (inputs.empty()) {
    std::cerr << "usage: " << argv[0] << " FOLDER...: no input found\n";
    return EXIT_FAILURE;
  }
  for (const std::string& input : inputs) {
    for (size_t bytes = 0; bytes < input.size(); bytes += 1 + input.size() / kTruncationsPerInput) {
      Run(input.substr(0, bytes));
    }
    Run(input);
  }
  std::minstd_rand random(1);
  for (size_t i = 0; i < kMutations; ++i) {
    Run(fuzz::Mutate(inputs[random() % inputs.size()], &random));
  }
  std::cout << inputs.size() << " inputs and " << kMutations << " mutations\n";
  return EXIT_SUCCESS;
}
