#define BOOST_TEST_MODULE cadre
#include <boost/test/unit_test.hpp>
