#include "query/term.h"
