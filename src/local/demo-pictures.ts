import sharp from 'sharp';

const SIZE = 512;

const BACKGROUND = `<defs><linearGradient id="wall" x1="0" y1="0" x2="0" y2="1">
  <stop offset="0" stop-color="#f6e9d7"/><stop offset="1" stop-color="#e3c9a6"/></linearGradient></defs>
  <rect width="512" height="512" fill="url(#wall)"/>`;

const TABLE =
  '<rect y="392" width="512" height="120" fill="#7a4e2d"/><rect y="392" width="512" height="10" fill="#95643c"/>';

const CUP = `<ellipse cx="256" cy="398" rx="150" ry="22" fill="#f8f4ee"/>
  <path d="M150 250 h212 q-4 140 -106 140 q-102 0 -106 -140z" fill="#c8643c"/>
  <path d="M358 275 q70 0 52 56 q-16 36 -70 34" fill="none" stroke="#c8643c" stroke-width="20"/>
  <ellipse cx="256" cy="250" rx="106" ry="26" fill="#fbf6ee"/><ellipse cx="256" cy="251" rx="94" ry="20" fill="#4a2a17"/>
  <g fill="none" stroke="#ffffff" stroke-opacity=".75" stroke-width="9" stroke-linecap="round">
  <path d="M215 205 q-26 -32 0 -64 t0 -64"/><path d="M262 195 q-26 -32 0 -64 t0 -64"/><path d="M309 205 q-26 -32 0 -64 t0 -64"/></g>`;

const LAMPS = [106, 256, 406]
  .map(
    (x, i) => `<path d="M${x} 0 v${120 + 30 * (i % 2)}" stroke="#3b2a20" stroke-width="5"/>
  <g transform="translate(${x} ${120 + 30 * (i % 2)})"><circle cy="60" r="90" fill="#ffd98a" fill-opacity=".35"/>
  <path d="M-58 60 q8 -60 58 -60 t58 60z" fill="#2f5d50"/><circle cy="64" r="17" fill="#fff1c4"/></g>`,
  )
  .join('');

const BEANS = Array.from({ length: 22 }, (_, i) => {
  const [x, y, turn] = [60 + ((i * 137) % 400), 70 + ((i * 89) % 380), (i * 47) % 180];
  return `<g transform="translate(${x} ${y}) rotate(${turn})"><ellipse rx="38" ry="27" fill="#5a3520"/>
  <path d="M-36 0 q18 -14 36 0 t36 0" fill="none" stroke="#2e180c" stroke-width="5"/></g>`;
}).join('');

/** The three reference images of the demo's dataset, drawn as PNG: a cup, hanging lamps, coffee beans. */
export function drawReferenceImages(): Promise<Buffer[]> {
  return Promise.all([TABLE + CUP, TABLE + LAMPS, BEANS].map(drawPng));
}

function drawPng(shapes: string): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}">${BACKGROUND}${shapes}</svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}
