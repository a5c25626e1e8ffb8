// SPDX-License-Identifier: GPL-2.0-only
// The main function of unit_tests; Catch2 brings it.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
