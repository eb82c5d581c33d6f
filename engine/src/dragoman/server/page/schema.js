// JSON Schemas as the form needs them: references followed, `null` set aside (it means: remove what lies below).

export class Schemas {
  constructor(root) { this.root = root; }

  /** Follow a reference and take `null` out; what several alternatives remain stands in `variants`. */
  plain(schema, depth = 0) {
    if (!schema || typeof schema !== "object" || depth > 12) return {};
    if (schema.$ref) {
      const { $ref, ...beside } = schema;
      return { ...this.plain(this.root.$defs[$ref.replace("#/$defs/", "")], depth + 1), ...beside };
    }
    const several = schema.anyOf || schema.oneOf;
    if (several) {
      const { anyOf, oneOf, ...beside } = schema;
      const left = several.filter((s) => s.type !== "null");
      if (left.length === 1) return { ...this.plain(left[0], depth + 1), ...beside };
      const variants = left.map((s) => this.plain(s, depth + 1)).flatMap((s) => s.variants || [s]);
      return { ...beside, variants, discriminator: schema.discriminator?.propertyName || discriminator(variants) };
    }
    if (Array.isArray(schema.type)) {
      const types = schema.type.filter((t) => t !== "null");
      return { ...schema, type: types.length === 1 ? types[0] : undefined };
    }
    return schema;
  }

  member(name) { return this.plain(this.root.properties[name]); }

  connection(kind) { return this.plain(this.root.$defs[`connection.${kind}`] || { type: "object" }); }

  inference(kind, operation) {
    const own = this.root.$defs[operation && operation !== "chat" ? `inference.${kind}.${operation}` : `inference.${kind}`];
    return this.plain(own || this.root.$defs.Inference);
  }
}

/** The member whose constant tells variants apart, such as `kind`. */
function discriminator(variants) {
  if (!variants.every((v) => v.properties)) return undefined;
  return Object.keys(variants[0].properties).find((name) => variants.every((v) => constant(v, name) !== undefined));
}

export function constant(variant, name) {
  const schema = variant.properties?.[name];
  return schema?.const ?? (schema?.enum?.length === 1 ? schema.enum[0] : undefined);
}

/** The variant whose required members an object has; one without any is not told apart. */
export function identified(variants, value) {
  if (!value || typeof value !== "object") return undefined;
  return variants.find((v) => v.required?.length && v.required.every((name) => Object.hasOwn(value, name)))
    || variants.find((v) => Object.keys(value).length && Object.keys(value).every((name) => v.properties && Object.hasOwn(v.properties, name)));
}

export function limits(schema) {
  return {
    minimum: schema.minimum ?? (schema.exclusiveMinimum !== undefined ? schema.exclusiveMinimum : undefined),
    maximum: schema.maximum ?? schema.exclusiveMaximum,
  };
}
