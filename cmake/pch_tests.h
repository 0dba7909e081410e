// Precompiled for every test file: parsing gtest and gmock costs more than most tests do.
#include "pch_src.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
