// Makes bad input out of good input, the same on every run.

#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <string_view>

namespace fuzz {

// One to four small damages: a byte changed, put in, cut out or doubled, the rest cut off. The
// bytes put in are those that the formats give a meaning to.
inline std::string Mutate(std::string_view input, std::minstd_rand* random) {
  constexpr std::string_view kMeaningful("=\"' \x1d\x01\n()[]{}:.,0aA\xff\xfe\0\r#", 25);
  std::string output(input);
  const auto below = [random](size_t limit) { return limit == 0 ? 0 : (*random)() % limit; };
  for (size_t damages = 1 + below(4); damages > 0; --damages) {
    const size_t at = below(output.size() + 1);
    switch (below(5)) {
      case 0:
        if (at < output.size()) output[at] = static_cast<char>(output[at] ^ (1 << below(8)));
        break;
      case 1:
        output.insert(at, 1, kMeaningful[below(kMeaningful.size())]);
        break;
      case 2:
        output.erase(at, 1 + below(8));
        break;
      case 3:
        output.insert(at, output.substr(at, 1 + below(32)));
        break;
      default:
        if (below(4) == 0) output.resize(at);
    }
  }
  return output;
}

}  // namespace fuzz
