; CRC32C (RFC 7143, 12.1): generator 11EDC6F41h, reflected; by the crc32 instruction where the processor
; has it (SSE4.2), else by two tables of 16: the table of 256 is linear, so that the entry of a byte is
; that of its lower digit XOR that of its upper one.
%include "romgen.inc"

global crc32c_add:function, crc32c_detect:function, crc32c_sse:data

CRC32C_POLYNOMIAL       equ 0x82F63B78  ; reflected
CPUID_1_ECX_SSE42       equ 1 << 20
EFLAGS_ID               equ 1 << 21

CODE crc32c

;---------------------------------------------------------------------------
; crc32c_detect - does the processor have the crc32 instruction?
; in:       none
; out:      crc32c_sse = 1 or 0
; clobbers: EAX, ECX, EDX, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
crc32c_detect:
        push    ebx
        mov     byte [crc32c_sse], 0
        pushfd                          ; CPUID exists where the ID flag can be changed
        pop     eax
        mov     ecx, eax
        xor     eax, EFLAGS_ID
        push    eax
        popfd
        pushfd
        pop     eax
        push    ecx
        popfd
        xor     eax, ecx
        test    eax, EFLAGS_ID
        jz      .done
        xor     eax, eax
        cpu     586
        cpuid
        cpu     386
        test    eax, eax
        jz      .done
        mov     eax, 1
        cpu     586
        cpuid
        cpu     386
        test    ecx, CPUID_1_ECX_SSE42
        setnz   [crc32c_sse]
.done:
        pop     ebx
        ret

;---------------------------------------------------------------------------
; crc32c_add - carry a CRC32C on over bytes
; in:       EAX = CRC so far (start with FFFFFFFFh; the complement of the end is the digest)
;           ES:SI = bytes, CX = count
; out:      EAX = CRC
; clobbers: CX, SI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
crc32c_add:
        jcxz    .done
        cmp     byte [crc32c_sse], 0
        je      .table
        cpu     nehalem
.byte:                                  ; bytes: in 16-bit code QEMU takes the word form for dwords
        crc32   eax, byte [es:si]       ; and refuses the dword form
        inc     si
        loop    .byte
        cpu     386
.done:
        ret
.table:
        push    ebx
        push    edx
.next:
        movzx   ebx, al
        xor     bl, [es:si]
        inc     si
        mov     edx, ebx
        and     dx, 0Fh
        shr     bx, 4
        shr     eax, 8
        xor     eax, [cs:crc32c_lower + edx * 4]
        xor     eax, [cs:crc32c_upper + ebx * 4]
        loop    .next
        pop     edx
        pop     ebx
        ret

RODATA crc32c
        align   4
%macro CRC32C_TABLE 1                   ; step: what one digit more adds to the byte
%assign i 0
%rep 16
  %assign value i * %1
  %rep 8
    %if value & 1
      %assign value (value >> 1) ^ CRC32C_POLYNOMIAL
    %else
      %assign value value >> 1
    %endif
  %endrep
        dd      value
  %assign i i + 1
%endrep
%endmacro
crc32c_lower:
        CRC32C_TABLE 1
crc32c_upper:
        CRC32C_TABLE 16

BSS crc32c
crc32c_sse:     resb    1
