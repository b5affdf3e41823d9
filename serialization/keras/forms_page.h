// What is read of Keras models, from the tables that reading goes by.
#ifndef NOMOGRAPH_SERIALIZATION_KERAS_FORMS_PAGE_H_
#define NOMOGRAPH_SERIALIZATION_KERAS_FORMS_PAGE_H_

#include <string>

namespace nomograph::keras {

// The files, layers and calls as Markdown: FORMS.md below its heading.
std::string FormsPage();

}  // namespace nomograph::keras

#endif  // NOMOGRAPH_SERIALIZATION_KERAS_FORMS_PAGE_H_
